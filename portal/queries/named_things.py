"""What answers to an id, to a name of Stripe's or to a number: one question a kind, all with the same columns."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Select,
    String,
    Text,
    case,
    cast,
    func,
    literal,
    or_,
    select,
)

from portal.models import (
    Booking,
    CallOffer,
    Creator,
    Dispute,
    JobRun,
    Log,
    Payment,
    Payout,
    PayoutAttempt,
    Refund,
    StripeEvent,
    TransactionLog,
    Transfer,
    User,
)


class Kind(StrEnum):
    """What can be found, in the order of the answer."""

    PAYOUT = "payout"
    BOOKING = "booking"
    PAYMENT = "payment"
    REFUND = "refund"
    DISPUTE = "dispute"
    CREATOR = "creator"
    USER = "user"
    OFFER = "offer"
    EVENT = "event"
    JOB_RUN = "job-run"
    REQUEST = "request"
    LOG = "log"
    MONEY = "money"
    TYPE = "type"


def _row(kind: Kind, row_id: Any, name: Any, at: Any, **more: Any) -> Select[Any]:
    """The columns of a Hit, in its order."""
    row: Any = select(
        literal(kind.value).label("kind"),
        cast(row_id, String).label("id"),
        cast(name, Text).label("name"),
        cast(more.get("detail"), Text).label("detail"),
        cast(more.get("amount"), BigInteger).label("amount"),
        cast(more.get("currency"), String).label("currency"),
        cast(at, DateTime(timezone=True)).label("at"),
    )
    return row  # type: ignore[no-any-return]


def _payouts(where: ColumnElement[bool]) -> Select[Any]:
    row = _row(Kind.PAYOUT, Payout.id, User.name, Payout.created_at, detail=Payout.status,
               amount=Payout.amount_minor, currency=Payout.currency)  # fmt: skip
    return row.join(Creator, Creator.id == Payout.creator_id).join(User, User.id == Creator.user_id).where(where)


def _payments(where: ColumnElement[bool]) -> Select[Any]:
    row = _row(Kind.PAYMENT, Payment.id, User.name, Payment.created_at, detail=Payment.status,
               amount=Payment.amount_minor, currency=Payment.currency)  # fmt: skip
    return row.join(Booking, Booking.id == Payment.booking_id).join(User, User.id == Booking.user_id).where(where)


def _bookings(where: ColumnElement[bool]) -> Select[Any]:
    row = _row(Kind.BOOKING, Booking.id, User.name, Booking.created_at, detail=CallOffer.title,
               amount=CallOffer.price_minor, currency=CallOffer.currency)  # fmt: skip
    row = row.join(CallOffer, CallOffer.id == Booking.call_offer_id)
    return row.join(User, User.id == Booking.user_id).where(where)


def _given_back(kind: Kind, model: Any, where: ColumnElement[bool]) -> Select[Any]:
    row = _row(kind, model.id, model.reason, model.created_at, detail=model.status, amount=model.amount_minor,
               currency=model.currency)  # fmt: skip
    return row.where(where)


def _creators(where: ColumnElement[bool]) -> Select[Any]:
    handle = literal("@").concat(Creator.handle)
    row = _row(Kind.CREATOR, Creator.id, User.name, Creator.created_at, detail=handle)
    return row.join(User, User.id == Creator.user_id).where(where)


def _users(where: ColumnElement[bool]) -> Select[Any]:
    return _row(Kind.USER, User.id, User.name, User.created_at, detail=User.email).where(where)


def _events(where: ColumnElement[bool]) -> Select[Any]:
    row = _row(Kind.EVENT, StripeEvent.id, StripeEvent.type, StripeEvent.received_at, detail=StripeEvent.state)
    return row.where(where)


def people(where: ColumnElement[bool]) -> Select[Any]:
    """Creators as creators, everybody else as users."""
    kind = case((Creator.id.is_not(None), Kind.CREATOR.value), else_=Kind.USER.value)
    found = func.coalesce(Creator.id, User.id)
    row = _row(Kind.USER, found, User.name, User.created_at, detail=User.email)
    row = row.with_only_columns(kind.label("kind"), *list(row.selected_columns)[1:])
    row = row.select_from(User).outerjoin(Creator, Creator.user_id == User.id)
    return row.where(where).order_by(User.name, User.id)


def things(within: Callable[[Any], ColumnElement[bool]]) -> Iterator[Select[Any]]:
    """Everything that has an id of ours in a span."""
    yield _payouts(within(Payout.id))
    yield _bookings(within(Booking.id))
    yield _payments(within(Payment.id))
    yield _given_back(Kind.REFUND, Refund, within(Refund.id))
    yield _given_back(Kind.DISPUTE, Dispute, within(Dispute.id))
    yield _creators(within(Creator.id))
    yield _users(within(User.id))
    yield _row(
        Kind.OFFER, CallOffer.id, CallOffer.title, CallOffer.created_at, detail=CallOffer.status,
        amount=CallOffer.price_minor, currency=CallOffer.currency,
    ).where(within(CallOffer.id))  # fmt: skip
    yield _row(Kind.JOB_RUN, JobRun.id, JobRun.job, JobRun.started_at, detail=JobRun.state).where(
        within(JobRun.id)
    )


def requests(first: UUID, last: UUID) -> list[Select[Any]]:
    """A request is known by its rows alone, in either book; only a whole id finds one."""
    if first != last:
        return []
    return [_request(book).where(book.request_id == first).limit(1) for book in (Log, TransactionLog)]


def _request(book: Any) -> Select[Any]:
    return _row(Kind.REQUEST, book.request_id, literal(None), literal(None))


def stripe(given: str) -> list[Select[Any]]:
    """What Stripe calls so, and the events about it where nothing of ours is."""
    prefix = given.partition("_")[0]
    if prefix == "evt":
        return [_events(StripeEvent.id == given)]
    if prefix == "po":
        sent = select(PayoutAttempt.payout_id).where(PayoutAttempt.stripe_payout_id == given)
        return [_payouts(or_(Payout.stripe_payout_id == given, Payout.id.in_(sent)))]
    if prefix == "acct":
        return [_creators(Creator.stripe_account_id == given)]
    if prefix == "pi":
        return [_payments(Payment.stripe_payment_intent_id == given)]
    if prefix == "tr":
        moved = select(Transfer.payment_id).where(Transfer.stripe_transfer_id == given)
        return [_payments(Payment.id.in_(moved))]
    if prefix in {"dp", "du"}:
        return [_given_back(Kind.DISPUTE, Dispute, Dispute.stripe_dispute_id == given)]
    return [_given_back(Kind.REFUND, Refund, Refund.stripe_refund_id == given)]


def rows(number: int) -> list[Select[Any]]:
    """A row of either book by its number."""
    log = _row(Kind.LOG, Log.id, Log.type, Log.created_at, detail=Log.message).where(Log.id == number)
    money = _row(
        Kind.MONEY, TransactionLog.id, TransactionLog.event_type, TransactionLog.created_at,
        detail=TransactionLog.status, amount=TransactionLog.amount_minor, currency=TransactionLog.currency,
    )  # fmt: skip
    return [log, money.where(TransactionLog.id == number)]
