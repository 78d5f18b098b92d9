"""Somebody's own bookings: the list, and one with its call, its payment and what was given back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, contains_eager

from portal.models import Booking as Booking
from portal.models import BookingStatus as BookingStatus
from portal.models import CallOffer, Creator, Payment, Refund, RefundStatus
from portal.models import PaymentStatus as PaymentStatus
from portal.queries.offer_search import newest_payment
from portal.queries.paging import Order, Page, cut_page, parse_cursor, parse_limit
from portal.queries.parameters import Arguments, member, one, refuse_unknown

PARAMETERS = frozenset({"status", "cursor", "limit", "tz"})


def _with_call(query: Select[Booking]) -> Select[Booking]:
    query = query.join(Booking.offer).join(CallOffer.creator).join(Creator.user)
    call = contains_eager(Booking.offer).contains_eager(CallOffer.creator)
    return query.options(call.contains_eager(Creator.user))


@dataclass(frozen=True, slots=True)
class BookingSearch:
    """A person's bookings, newest first, each with its call and creator."""

    user_id: UUID
    status: BookingStatus | None = None
    order: Order = field(default_factory=Order)
    limit: int = 50

    @classmethod
    def from_args(cls, args: Arguments, *, user_id: UUID) -> "BookingSearch":
        """The search that an address asks for. Raises BadParameter."""
        refuse_unknown(args, PARAMETERS)
        return cls(
            user_id=user_id,
            status=member("status", text, BookingStatus) if (text := one(args, "status")) else None,
            order=Order(parse_cursor(one(args, "cursor"), UUID)),
            limit=parse_limit(one(args, "limit")),
        )

    def statement(self) -> Select[Booking]:
        """Up to `limit` + 1 bookings, in the cursor's direction."""
        query = _with_call(select(Booking)).where(Booking.user_id == self.user_id)
        if self.status:
            query = query.where(Booking.status == self.status)
        place = (Booking.created_at, Booking.id)
        query = query.where(*self.order.conditions(*place))
        return query.order_by(*self.order.columns(*place)).limit(self.limit + 1)

    def page(self, session: Session) -> Page[Booking]:  # type: ignore[type-var]  # Mapped columns are no protocol members to mypy
        """One page."""
        found = session.scalars(self.statement()).all()
        return cut_page(found, self.limit, self.order.cursor)  # type: ignore[type-var]


def current_bookings(session: Session, user_id: UUID, *, limit: int) -> Sequence[Booking]:
    """What a person has to pay or to look forward to, the next call first."""
    query = _with_call(select(Booking)).where(
        Booking.user_id == user_id, Booking.status.in_([BookingStatus.PENDING, BookingStatus.CONFIRMED])
    )
    return session.scalars(query.order_by(CallOffer.starts_at, Booking.id).limit(limit)).all()


@dataclass(frozen=True, slots=True)
class BookingDetail:
    """A booking with its call and newest payment; minor units given back, and on their way back."""

    booking: Booking
    payment: Payment | None
    refunded_minor: int
    refunding_minor: int

    @property
    def offer(self) -> CallOffer:
        """The call."""
        return self.booking.offer

    @property
    def was_paid(self) -> bool:
        """Whether money was taken, given back or not."""
        paid = {PaymentStatus.SUCCEEDED, PaymentStatus.REFUNDED}
        return self.payment is not None and self.payment.status in paid


def find_booking(session: Session, booking_id: UUID, user_id: UUID) -> BookingDetail | None:
    """A person's booking; anybody else's is none."""
    query = _with_call(select(Booking)).where(Booking.id == booking_id, Booking.user_id == user_id)
    booking = session.scalar(query.execution_options(populate_existing=True))
    if booking is None:
        return None
    payment = newest_payment(session, booking_id)
    given, going = (
        _refunded(session, payment, status) for status in (RefundStatus.SUCCEEDED, RefundStatus.PENDING)
    )
    return BookingDetail(booking, payment, given, going)


def _refunded(session: Session, payment: Payment | None, status: RefundStatus) -> int:
    if payment is None:
        return 0
    query = select(func.coalesce(func.sum(Refund.amount_minor), 0))
    return int(session.scalar(query.where(Refund.payment_id == payment.id, Refund.status == status)) or 0)
