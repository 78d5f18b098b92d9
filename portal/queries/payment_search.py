"""Payments of bookings: the list with its totals, and one payment with all that became of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, String, cast, func, or_, select
from sqlalchemy.orm import Session, aliased

from portal.models import Booking, CallOffer, Creator, Dispute, Refund, RefundStatus, Transfer, User
from portal.models import Payment as Payment
from portal.models import PaymentStatus as PaymentStatus
from portal.queries.paging import Order, Page, cut_page, parse_cursor, parse_limit, parse_uuid
from portal.queries.parameters import Arguments, many, member, one, refuse_unknown
from portal.queries.time_range import TimeRange, parse_time_range

PARAMETERS = frozenset({"status", "creatorId", "from", "to", "tz", "q", "cursor", "limit"})
WENT_THROUGH = (PaymentStatus.SUCCEEDED, PaymentStatus.REFUNDED)
Seller, Buyer = aliased(User), aliased(User)


def refunded() -> ColumnElement[int]:
    """Minor units of a payment given back for good."""
    query = select(func.coalesce(func.sum(Refund.amount_minor), 0)).where(
        Refund.payment_id == Payment.id, Refund.status == RefundStatus.SUCCEEDED
    )
    return query.correlate(Payment).scalar_subquery()


@dataclass(frozen=True, slots=True)
class Sold:
    """A payment with whom it is between; `refunded_minor` in minor units of its currency."""

    payment: Payment
    offer: CallOffer
    seller: User
    buyer: User
    refunded_minor: int

    @property
    def created_at(self) -> datetime:
        """When the payment was begun."""
        return self.payment.created_at

    @property
    def id(self) -> UUID:
        """The payment's id."""
        return self.payment.id


@dataclass(frozen=True, slots=True)
class Total:
    """What the payments of one currency add up to, in minor units."""

    currency: str
    count: int
    amount_minor: int
    platform_fee_minor: int
    refunded_minor: int


@dataclass(frozen=True, slots=True)
class PaymentSearch:
    """Payments newest first; every field narrows, several statuses widen."""

    statuses: tuple[PaymentStatus, ...] = ()
    creator_id: UUID | None = None
    period: TimeRange = field(default_factory=TimeRange)
    text: str = ""
    order: Order = field(default_factory=Order)
    limit: int = 50

    @classmethod
    def from_args(cls, args: Arguments, *, tz: str, now: datetime) -> "PaymentSearch":
        """The search that an address asks for; `tz` is the reader's zone. Raises BadParameter."""
        refuse_unknown(args, PARAMETERS)
        return cls(
            statuses=tuple(member("status", value, PaymentStatus) for value in many(args, "status")),
            creator_id=parse_uuid("creatorId", one(args, "creatorId")),
            period=parse_time_range(args, now=now, tz=tz),
            text=one(args, "q") or "",
            order=Order(parse_cursor(one(args, "cursor"), UUID)),
            limit=parse_limit(one(args, "limit")),
        )

    @property
    def narrowed(self) -> bool:
        """Whether anything is filtered at all."""
        return bool(self._conditions())

    def page(self, session: Session) -> Page[Sold]:
        """One page."""
        place = (Payment.created_at, Payment.id)
        query = _sold(*self._conditions(), *self.order.conditions(*place))
        found = session.execute(query.order_by(*self.order.columns(*place)).limit(self.limit + 1)).all()
        return cut_page([_sold_of(row) for row in found], self.limit, self.order.cursor)

    def totals(self, session: Session) -> list[Total]:
        """What all payments of the search that went through add up to, a line a currency."""
        sums = (
            Payment.currency,
            func.count(),
            func.sum(Payment.amount_minor),
            func.sum(Payment.platform_fee_minor),
            func.sum(refunded()),
        )
        query = _sold(*self._conditions(), Payment.status.in_(WENT_THROUGH)).with_only_columns(*sums)
        query = query.group_by(Payment.currency).order_by(Payment.currency)
        return [Total(row[0], row[1], int(row[2]), int(row[3]), int(row[4])) for row in session.execute(query)]

    def _conditions(self) -> Sequence[ColumnElement[bool]]:
        found = list(self.period.conditions(Payment.created_at))
        if self.statuses:
            found.append(Payment.status.in_(self.statuses))
        if self.creator_id:
            found.append(CallOffer.creator_id == self.creator_id)
        return [*found, mentions(self.text)] if self.text else found


def _sold(*conditions: ColumnElement[bool]) -> Any:
    query = select(Payment, CallOffer, Seller, Buyer, refunded()).select_from(Payment)
    query = query.join(Booking, Booking.id == Payment.booking_id)
    query = query.join(CallOffer, CallOffer.id == Booking.call_offer_id)
    query = query.join(Creator, Creator.id == CallOffer.creator_id).join(Seller, Seller.id == Creator.user_id)
    return query.join(Buyer, Buyer.id == Booking.user_id).where(*conditions)


def _sold_of(row: Any) -> Sold:
    payment, offer, seller, buyer, refunded_minor = row
    return Sold(payment, offer, seller, buyer, int(refunded_minor))


def mentions(text: str) -> ColumnElement[bool]:
    """Payments whose people, title or ids hold these words."""
    named = (Seller.name, Seller.email, Buyer.name, Buyer.email)
    people = [column.icontains(text, autoescape=True) for column in named]
    return or_(
        *people,
        CallOffer.title.icontains(text, autoescape=True),
        cast(Payment.id, String).startswith(text.lower(), autoescape=True),
        cast(Payment.booking_id, String).startswith(text.lower(), autoescape=True),
        Payment.stripe_payment_intent_id == text,
    )


@dataclass(frozen=True, slots=True)
class PaymentDetail:
    """One payment, and what became of its money."""

    sold: Sold
    booking: Booking
    creator: Creator
    refunds: Sequence[tuple[Refund, User | None]]
    disputes: Sequence[Dispute]
    transfers: Sequence[Transfer]

    @property
    def asked_back_minor(self) -> int:
        """Minor units given back or being given back."""
        return sum(r.amount_minor for r, _ in self.refunds if r.status is not RefundStatus.FAILED)

    @property
    def owed_minor(self) -> int:
        """Minor units taken from the creator for refunds that failed afterwards: the platform holds them."""
        taken = sum(transfer.reversed_minor for transfer in self.transfers)
        given = sum(r.amount_minor for r, _ in self.refunds if r.status is RefundStatus.SUCCEEDED)
        fee, paid = self.sold.payment.platform_fee_minor, self.sold.payment.amount_minor
        return max(taken - given, 0) * (paid - fee) // paid

    @property
    def left_minor(self) -> int:
        """Minor units that may still be asked back."""
        return self.sold.payment.amount_minor - self.asked_back_minor


def find_payment(session: Session, payment_id: UUID) -> PaymentDetail | None:
    """A payment, freshly read."""
    query = _sold(Payment.id == payment_id).execution_options(populate_existing=True)
    row = session.execute(query).first()
    if row is None:
        return None
    sold = _sold_of(row)
    refunds = select(Refund, User).outerjoin(User, User.id == Refund.initiated_by)
    refunds = refunds.where(Refund.payment_id == payment_id).order_by(Refund.created_at, Refund.id)
    disputes = select(Dispute).where(Dispute.payment_id == payment_id).order_by(Dispute.created_at)
    transfers = select(Transfer).where(Transfer.payment_id == payment_id).order_by(Transfer.created_at)
    fresh = {"populate_existing": True}
    return PaymentDetail(
        sold,
        session.get_one(Booking, sold.payment.booking_id),
        session.get_one(Creator, sold.offer.creator_id),
        [(row[0], row[1]) for row in session.execute(refunds.execution_options(**fresh))],
        session.scalars(disputes.execution_options(**fresh)).all(),
        session.scalars(transfers.execution_options(**fresh)).all(),
    )


def count_payments(session: Session) -> dict[PaymentStatus, int]:
    """How many payments each status holds."""
    rows = session.execute(select(Payment.status, func.count()).group_by(Payment.status))
    return {row[0]: row[1] for row in rows}
