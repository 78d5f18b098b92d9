"""One event of `transaction_log` as pages show it, found by its id and its request."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from portal.models import EntityType, LogActor, LogLevel, TransactionEventType, TransactionLog
from portal.models.currency import to_decimal
from portal.queries.log_entry import MOST_OF_A_REQUEST, of_request, without

COLUMNS = (
    TransactionLog.id,
    TransactionLog.created_at,
    TransactionLog.event_type,
    TransactionLog.entity_type,
    TransactionLog.entity_id,
    TransactionLog.stripe_event_id,
    TransactionLog.amount_minor,
    TransactionLog.currency,
    TransactionLog.status,
    TransactionLog.details,
    TransactionLog.error_message,
    TransactionLog.payment_id,
    TransactionLog.payout_id,
    TransactionLog.refund_id,
    TransactionLog.actor,
    TransactionLog.actor_id,
    TransactionLog.request_id,
)
BARE = without((TransactionLog.details, TransactionLog.request_id), COLUMNS)


class TransactionEntry(NamedTuple):
    """One financial event; `amount_minor` in minor units of `currency`, `details` its metadata.

    A list's rows have neither these nor the request's id, but None.
    """

    id: int
    created_at: datetime
    event_type: TransactionEventType
    entity_type: EntityType
    entity_id: str
    stripe_event_id: str | None
    amount_minor: int | None
    currency: str | None
    status: str | None
    details: Mapping[str, Any]
    error_message: str | None
    payment_id: str | None
    payout_id: str | None
    refund_id: str | None
    actor: LogActor
    actor_id: str | None
    request_id: UUID

    @property
    def amount(self) -> Decimal | None:
        """The decimal amount."""
        if self.amount_minor is None or self.currency is None:
            return None
        return to_decimal(self.amount_minor, self.currency)

    @property
    def level(self) -> LogLevel:
        """How serious the event is by its type; the book itself keeps no level."""
        return level_of(self.event_type)


def level_of(event_type: str) -> LogLevel:
    """The level of a financial event or of an event of Stripe's, by its type."""
    if event_type.upper().endswith("FAILED"):
        return LogLevel.ERROR
    opened = event_type in {TransactionEventType.DISPUTE_CREATED, "charge.dispute.created"}
    return LogLevel.WARNING if opened else LogLevel.INFO


BY_ID = select(*COLUMNS).where(TransactionLog.id == bindparam("id")).execution_options(kept_plan=True)
OF_REQUEST = (
    select(*COLUMNS)
    .where(
        TransactionLog.request_id == bindparam("request"),
        TransactionLog.created_at.between(bindparam("since"), bindparam("until")),
    )
    .order_by(TransactionLog.created_at, TransactionLog.id)
    .limit(MOST_OF_A_REQUEST)
    .execution_options(kept_plan=True)
)


def find_transaction(session: Session, row_id: int) -> TransactionEntry | None:
    """The event of an id."""
    row: Any = session.connection().execute(BY_ID, {"id": row_id}).first()
    return None if row is None else TransactionEntry(*row)


def transactions_of_request(session: Session, request_id: UUID, near: datetime) -> Sequence[TransactionEntry]:
    """The first financial events that one request, job run or delivery wrote about `near`, oldest first."""
    rows: Any = session.connection().execute(OF_REQUEST, of_request(request_id, near))
    return [TransactionEntry(*row) for row in rows]
