"""Steps past their limit, over everything that is under way: what the job tells, and what needs somebody now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    String,
    Uuid,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from portal.models import (
    Booking,
    BookingStatus,
    CallOffer,
    Dispute,
    OverdueStep,
    Payment,
    Payout,
    PayoutRoute,
    PayoutStatus,
    Refund,
    RefundStatus,
    StripeEvent,
)
from portal.models.currency import to_decimal
from portal.queries.payment_search import WENT_THROUGH
from portal.queries.payout_life import StepKey
from portal.queries.payout_search import LATE_ARRIVAL, UNSENT
from portal.queries.sale_life import SaleKey
from portal.queries.sale_steps import EVENTS as SALE_EVENTS
from portal.queries.trace_steps import EVENTS as PAYOUT_EVENTS
from portal.queries.trace_steps import SILENCE, UNDECIDED

BY_HAND = timedelta(days=1)
"""A creator says by hand that a call took place: a day goes by before it is told that nobody did."""

EXPECTED: Mapping[StrEnum, str] = {**PAYOUT_EVENTS, **SALE_EVENTS}
AUTO_SENDING = "PAYOUT_REQUEST_STRIPE_CREATION"
MOST = 500


@dataclass(frozen=True, slots=True)
class Overdue:
    """One late step of a thing: waited for since `since`, expected before `due`; ids and amount where known."""

    kind: str
    id: UUID
    step: str
    since: datetime
    due: datetime
    status: str
    route: str | None
    creator_id: UUID | None
    user_id: UUID | None
    payment_id: UUID | None
    amount_minor: int | None
    currency: str | None

    @property
    def expected(self) -> str:
        """The type of the event that has not come."""
        return (
            AUTO_SENDING
            if self.step == "sending" and self.route == PayoutRoute.AUTO
            else EXPECTED[_key(self.step)]
        )

    @property
    def facts(self) -> dict[str, Any]:
        """Everything known of it, under the names of the book's metadata."""
        amount = None if self.amount_minor is None else to_decimal(self.amount_minor, str(self.currency))
        known = {
            "creatorId": self.creator_id,
            "userId": self.user_id,
            "paymentId": self.payment_id,
            "amount": amount,
            "currency": self.currency,
        }
        told = {"step": self.step, "expectedEvent": self.expected, "since": self.since, "due": self.due}
        held = {name: value for name, value in known.items() if value is not None}
        return {f"{self.kind}Id": self.id, **held, **told, "currentStatus": self.status}


def overdue_steps(
    session: Session, *, now: datetime, untold: bool = False, limit: int = MOST
) -> Sequence[Overdue]:
    """The late steps, the longest late first; `untold` leaves out those that the book tells of already."""
    late = union_all(*_all(now)).subquery("late")
    query = select(late).order_by(late.c.due, late.c.id).limit(limit)
    if untold:
        query = query.where(~exists().where(*(getattr(OverdueStep, a) == late.c[b] for a, b in TOLD.items())))
    return [Overdue(*row) for row in session.execute(query)]


def count_overdue(session: Session, *, now: datetime) -> Mapping[str, int]:
    """How many late steps each kind of thing has."""
    late = union_all(*_all(now)).subquery("late")
    rows = session.execute(select(late.c.kind, func.count()).group_by(late.c.kind))
    return {str(kind): int(n) for kind, n in rows}


def overdue_ids(kind: str, *, now: datetime) -> Select[Any]:
    """The ids of one kind of things with a late step, for a list of them."""
    late = union_all(*_all(now)).subquery("late")
    return select(late.c.id).where(late.c.kind == kind)


TOLD = {"kind": "kind", "entity_id": "id", "step": "step", "since": "since"}


def _key(step: str) -> StepKey | SaleKey:
    return StepKey(step) if step in set(StepKey) else SaleKey(step)


def _all(now: datetime) -> list[Select[Any]]:
    return [*_payouts(now), *_bookings(now), _refunds(now), _disputes(now)]


def _row(kind: str, model: Any, step: Any, since: Any, due: Any, **known: Any) -> Select[Any]:
    """The columns of Overdue, in its order."""
    types: dict[str, Any] = {
        "route": String,
        "creator_id": Uuid,
        "user_id": Uuid,
        "payment_id": Uuid,
        "amount_minor": BigInteger,
    }
    rest = [cast(known.get(name), type_).label(name) for name, type_ in {**types, "currency": String}.items()]
    fixed = [literal(kind).label("kind"), model.id.label("id"), step.label("step"), since.label("since")]
    return select(*fixed, due.label("due"), cast(model.status, String).label("status"), *rest)


def _payouts(now: datetime) -> list[Select[Any]]:
    waiting = case(
        (Payout.status == PayoutStatus.REQUESTED, literal(StepKey.DECISION.value)),
        (Payout.status == PayoutStatus.APPROVED, literal(StepKey.SENDING.value)),
        (Payout.status == PayoutStatus.PROCESSING, literal(StepKey.ARRIVAL.value)),
        else_=literal(StepKey.ACCEPTANCE.value),
    )
    due = payout_due()
    since = case((Payout.status == PayoutStatus.REQUESTED, Payout.created_at), else_=Payout.updated_at)
    row = _row(
        "payout", Payout, waiting, since, due, route=Payout.route, creator_id=Payout.creator_id,
        amount_minor=Payout.amount_minor, currency=Payout.currency,
    )  # fmt: skip
    under_way = (
        PayoutStatus.REQUESTED, PayoutStatus.APPROVED, PayoutStatus.SUBMITTING, PayoutStatus.REVIEW,
        PayoutStatus.PROCESSING,
    )  # fmt: skip
    return [row.where(Payout.status.in_(under_way), due < now)]


def payout_due() -> ColumnElement[datetime]:
    """Until when a payout's present step is expected, as its trace says it."""
    heard = exists().where(StripeEvent.object_id == Payout.stripe_payout_id)
    silent_until = case((~heard, Payout.updated_at + SILENCE))
    return case(
        (Payout.status == PayoutStatus.REQUESTED, Payout.created_at + UNDECIDED),
        (Payout.status == PayoutStatus.REVIEW, Payout.updated_at),
        (Payout.status == PayoutStatus.PROCESSING, func.least(Payout.arrival_at + LATE_ARRIVAL, silent_until)),
        else_=Payout.updated_at + UNSENT,
    )


def _bookings(now: datetime) -> list[Select[Any]]:
    offered = Booking.call_offer_id == CallOffer.id
    known = {"creator_id": CallOffer.creator_id, "user_id": Booking.user_id, "currency": CallOffer.currency}
    known["amount_minor"] = CallOffer.price_minor
    rows = [_unpaid(now, known), _unconfirmed(now, known), _unheld(now, known), _not_given_back(now, known)]
    return [row.where(offered) for row in rows]


def _unpaid(now: datetime, known: dict[str, Any]) -> Select[Any]:
    """The job that ends unpaid bookings has had its turns: this one was left."""
    begun = exists().where(Payment.booking_id == Booking.id, Payment.stripe_payment_intent_id.is_not(None))
    step = case((begun, literal(SaleKey.PAID.value)), else_=literal(SaleKey.PAYMENT.value))
    paid = exists().where(Payment.booking_id == Booking.id, Payment.status.in_(WENT_THROUGH))
    row = _row("booking", Booking, step, Booking.created_at, Booking.expires_at, **known)
    return row.where(Booking.status == BookingStatus.PENDING, Booking.expires_at < now - UNSENT, ~paid)


def _unconfirmed(now: datetime, known: dict[str, Any]) -> Select[Any]:
    paid_at = (
        select(func.min(Payment.succeeded_at))
        .where(Payment.booking_id == Booking.id, Payment.status.in_(WENT_THROUGH))
        .scalar_subquery()
    )
    step = literal(SaleKey.CONFIRMATION.value)
    row = _row("booking", Booking, step, paid_at, paid_at + UNSENT, **known)
    return row.where(Booking.status == BookingStatus.PENDING, paid_at < now - UNSENT)


def _unheld(now: datetime, known: dict[str, Any]) -> Select[Any]:
    ends_at = CallOffer.starts_at + func.make_interval(0, 0, 0, 0, 0, CallOffer.duration_minutes)
    row = _row("booking", Booking, literal(SaleKey.COMPLETION.value), CallOffer.starts_at, ends_at, **known)
    return row.where(Booking.status == BookingStatus.CONFIRMED, ends_at < now - BY_HAND)


def _not_given_back(now: datetime, known: dict[str, Any]) -> Select[Any]:
    """Ended without a call, paid, and no refund on its way."""
    paid = and_(Payment.booking_id == Booking.id, Payment.status.in_(WENT_THROUGH))
    sum_paid = select(func.sum(Payment.amount_minor)).where(paid).scalar_subquery()
    about = and_(Refund.payment_id == Payment.id, Payment.booking_id == Booking.id)
    given = select(func.coalesce(func.sum(Refund.amount_minor), 0))
    given = given.where(about, Refund.status == RefundStatus.SUCCEEDED)
    newest = select(Refund.status).where(about).order_by(Refund.created_at.desc(), Refund.id.desc()).limit(1)
    none_waits = func.coalesce(newest.scalar_subquery(), "SUCCEEDED") == "SUCCEEDED"
    step = literal(SaleKey.REFUND.value)
    row = _row("booking", Booking, step, Booking.ended_at, Booking.ended_at, **known)
    ended = and_(Booking.status == BookingStatus.CANCELLED, Booking.ended_at < now - UNSENT)
    return row.where(ended, sum_paid > given.scalar_subquery(), none_waits)


def _refunds(now: datetime) -> Select[Any]:
    step = literal(SaleKey.AT_STRIPE.value)
    row = _row(
        "refund", Refund, step, Refund.created_at, Refund.created_at + UNSENT, payment_id=Refund.payment_id,
        amount_minor=Refund.amount_minor, currency=Refund.currency,
    )  # fmt: skip
    unsent = and_(Refund.stripe_refund_id.is_(None), Refund.created_at < now - UNSENT)
    return row.where(unsent, Refund.status.not_in((RefundStatus.FAILED, RefundStatus.SUCCEEDED)))


def _disputes(now: datetime) -> Select[Any]:
    step = literal(SaleKey.EVIDENCE.value)
    row = _row(
        "dispute", Dispute, step, Dispute.created_at, Dispute.evidence_due_at, payment_id=Dispute.payment_id,
        amount_minor=Dispute.amount_minor, currency=Dispute.currency,
    )  # fmt: skip
    open_ = and_(Dispute.closed_at.is_(None), ~Dispute.status.endswith("under_review"))
    return row.where(open_, Dispute.evidence_due_at < now)
