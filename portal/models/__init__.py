"""Tables: columns, constraints, indexes and the status moves that exist; no queries."""

from portal.models.alert import Alert, AlertKind, AlertMessage, AlertSilence, MessageKind
from portal.models.base import Base, metadata, uuid7
from portal.models.booking import Booking, BookingStatus
from portal.models.call_offer import CallOffer, OfferStatus
from portal.models.creator import Creator, PayoutSchedule
from portal.models.dispute import Dispute
from portal.models.job_run import JobRun, RunState
from portal.models.log import Log, LogActor, LogDayActor, LogDayType, LogHourActor, LogHourType, LogLevel
from portal.models.log_export import Book, ExportFormat, ExportState, LogExport
from portal.models.overdue_step import OverdueStep
from portal.models.payment import Payment, PaymentStatus
from portal.models.payout import (
    AttemptState,
    Payout,
    PayoutApproval,
    PayoutAttempt,
    PayoutRoute,
    PayoutSource,
    PayoutStatus,
)
from portal.models.refund import Refund, RefundStatus
from portal.models.saved_view import SavedView
from portal.models.setting import Setting
from portal.models.stripe_event import EventOrigin, InboxState, StripeEvent
from portal.models.transaction_log import EntityType, TransactionEventType, TransactionLog
from portal.models.transfer import Transfer
from portal.models.user import Role, User
from portal.models.user_session import PasswordLink, RecoveryCode, SecondFactor, SignInWait, UserSession

__all__ = [
    "Alert",
    "AlertKind",
    "AlertMessage",
    "AlertSilence",
    "AttemptState",
    "Base",
    "Book",
    "Booking",
    "BookingStatus",
    "CallOffer",
    "Creator",
    "Dispute",
    "EntityType",
    "EventOrigin",
    "ExportFormat",
    "ExportState",
    "InboxState",
    "JobRun",
    "Log",
    "LogActor",
    "LogDayActor",
    "LogDayType",
    "LogExport",
    "LogHourActor",
    "LogHourType",
    "LogLevel",
    "MessageKind",
    "OfferStatus",
    "OverdueStep",
    "PasswordLink",
    "Payment",
    "PaymentStatus",
    "Payout",
    "PayoutApproval",
    "PayoutAttempt",
    "PayoutRoute",
    "PayoutSchedule",
    "PayoutSource",
    "PayoutStatus",
    "RecoveryCode",
    "Refund",
    "RefundStatus",
    "Role",
    "RunState",
    "SavedView",
    "SecondFactor",
    "Setting",
    "SignInWait",
    "StripeEvent",
    "TransactionEventType",
    "TransactionLog",
    "Transfer",
    "User",
    "UserSession",
    "metadata",
    "uuid7",
]
