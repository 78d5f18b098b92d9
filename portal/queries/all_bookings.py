"""Everybody's bookings: the list with what they cost, and one booking with its payments and refunds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, String, cast, func, or_, select, true
from sqlalchemy.orm import Session, aliased

from portal.models import Booking as Booking
from portal.models import BookingStatus as BookingStatus
from portal.models import CallOffer, Creator, Payment, PaymentStatus, Refund, User
from portal.queries.overdue import overdue_ids
from portal.queries.paging import Order, Page, cut_page, parse_cursor, parse_limit, parse_uuid
from portal.queries.parameters import Arguments, flag, many, member, one, refuse_unknown
from portal.queries.payment_search import WENT_THROUGH, Buyer, Seller
from portal.queries.sale_rows import payments_of, refunds_of
from portal.queries.time_range import TimeRange, parse_time_range

PARAMETERS = frozenset({"status", "creatorId", "userId", "overdue", "from", "to", "tz", "q", "cursor", "limit"})

_newest = (
    select(Payment).where(Payment.booking_id == Booking.id).order_by(Payment.n.desc(), Payment.id.desc()).limit(1)
).lateral("newest")
Newest = aliased(Payment, _newest)
"""A booking's last payment: an offer that is for sale again may have another price since."""

COST = func.coalesce(Newest.amount_minor, CallOffer.price_minor)
CURRENCY = func.coalesce(Newest.currency, CallOffer.currency)


@dataclass(frozen=True, slots=True)
class Booked:
    """A booking with whom it is between, and its newest payment if there is one."""

    booking: Booking
    offer: CallOffer
    seller: User
    buyer: User
    payment: Payment | None

    @property
    def created_at(self) -> datetime:
        """When it was made."""
        return self.booking.created_at

    @property
    def id(self) -> UUID:
        """The booking's id."""
        return self.booking.id

    @property
    def cost_minor(self) -> int:
        """What it costs, in minor units of `currency`."""
        return self.payment.amount_minor if self.payment else self.offer.price_minor

    @property
    def currency(self) -> str:
        """The currency it is paid in."""
        return self.payment.currency if self.payment else self.offer.currency

    @property
    def ends_at(self) -> datetime:
        """When the call is over."""
        return self.offer.starts_at + timedelta(minutes=self.offer.duration_minutes)


@dataclass(frozen=True, slots=True)
class Total:
    """What the bookings of one currency cost, and how much of it was paid, in minor units."""

    currency: str
    count: int
    cost_minor: int
    paid_minor: int


@dataclass(frozen=True, slots=True)
class AllBookings:
    """Bookings newest first; every field narrows, several statuses widen."""

    now: datetime
    statuses: tuple[BookingStatus, ...] = ()
    is_overdue: bool = False
    creator_id: UUID | None = None
    user_id: UUID | None = None
    period: TimeRange = field(default_factory=TimeRange)
    text: str = ""
    order: Order = field(default_factory=Order)
    limit: int = 50

    @classmethod
    def from_args(cls, args: Arguments, *, tz: str, now: datetime) -> "AllBookings":
        """The search that an address asks for; `tz` is the reader's zone. Raises BadParameter."""
        refuse_unknown(args, PARAMETERS)
        return cls(
            now=now,
            statuses=tuple(member("status", value, BookingStatus) for value in many(args, "status")),
            is_overdue=flag(args, "overdue"),
            creator_id=parse_uuid("creatorId", one(args, "creatorId")),
            user_id=parse_uuid("userId", one(args, "userId")),
            period=parse_time_range(args, now=now, tz=tz),
            text=one(args, "q") or "",
            order=Order(parse_cursor(one(args, "cursor"), UUID)),
            limit=parse_limit(one(args, "limit")),
        )

    @property
    def narrowed(self) -> bool:
        """Whether anything is filtered at all."""
        return bool(self._conditions())

    def page(self, session: Session) -> Page[Booked]:
        """One page."""
        place = (Booking.created_at, Booking.id)
        query = _booked(*self._conditions(), *self.order.conditions(*place))
        found = session.execute(query.order_by(*self.order.columns(*place)).limit(self.limit + 1)).all()
        return cut_page([Booked(*row) for row in found], self.limit, self.order.cursor)

    def totals(self, session: Session) -> list[Total]:
        """What all bookings of the search cost, a line a currency."""
        paid = func.coalesce(func.sum(COST).filter(Newest.status.in_(WENT_THROUGH)), 0)
        sums = (CURRENCY, func.count(), func.sum(COST), paid)
        query = _booked(*self._conditions()).with_only_columns(*sums).group_by(CURRENCY).order_by(CURRENCY)
        return [Total(row[0], row[1], int(row[2]), int(row[3])) for row in session.execute(query)]

    def _conditions(self) -> Sequence[ColumnElement[bool]]:
        found = list(self.period.conditions(Booking.created_at))
        if self.statuses:
            found.append(Booking.status.in_(self.statuses))
        if self.is_overdue:
            found.append(Booking.id.in_(overdue_ids("booking", now=self.now)))
        if self.creator_id:
            found.append(CallOffer.creator_id == self.creator_id)
        if self.user_id:
            found.append(Booking.user_id == self.user_id)
        return [*found, _mentions(self.text)] if self.text else found


def _booked(*conditions: ColumnElement[bool]) -> Any:
    query = select(Booking, CallOffer, Seller, Buyer, Newest).select_from(Booking)
    query = query.join(CallOffer, CallOffer.id == Booking.call_offer_id)
    query = query.join(Creator, Creator.id == CallOffer.creator_id).join(Seller, Seller.id == Creator.user_id)
    return query.join(Buyer, Buyer.id == Booking.user_id).outerjoin(Newest, true()).where(*conditions)


def _mentions(text: str) -> ColumnElement[bool]:
    """Bookings whose people, title, ids or payments hold these words."""
    named = (Seller.name, Seller.email, Buyer.name, Buyer.email, CallOffer.title)
    start = text.lower()
    paying = or_(
        cast(Payment.id, String).startswith(start, autoescape=True), Payment.stripe_payment_intent_id == text
    )
    return or_(
        *[column.icontains(text, autoescape=True) for column in named],
        cast(Booking.id, String).startswith(start, autoescape=True),
        cast(CallOffer.id, String).startswith(start, autoescape=True),
        Booking.id.in_(select(Payment.booking_id).where(paying)),
    )


@dataclass(frozen=True, slots=True)
class BookedDetail:
    """One booking, and every payment begun for it with what was asked back."""

    booked: Booked
    creator: Creator
    payments: Sequence[Payment]
    refunds: Sequence[Refund]

    @property
    def paid(self) -> bool:
        """Whether money was taken, given back or not."""
        return any(payment.status in WENT_THROUGH for payment in self.payments)

    @property
    def declined(self) -> Payment | None:
        """The last payment, when its card was refused."""
        last = self.payments[-1] if self.payments else None
        return last if last and last.status is PaymentStatus.FAILED else None

    def refunds_of(self, payment: Payment) -> Sequence[Refund]:
        """What was asked back of a payment."""
        return [refund for refund in self.refunds if refund.payment_id == payment.id]


def find_booked(session: Session, booking_id: UUID) -> BookedDetail | None:
    """A booking, freshly read."""
    fresh = {"populate_existing": True}
    row = session.execute(_booked(Booking.id == booking_id).execution_options(**fresh)).first()
    if row is None:
        return None
    booked = Booked(*row)
    payments, refunds = payments_of(session, booking_id), refunds_of(session, booking_id)
    return BookedDetail(booked, session.get_one(Creator, booked.offer.creator_id), payments, refunds)


def count_bookings(session: Session) -> dict[BookingStatus, int]:
    """How many bookings each status holds."""
    rows = session.execute(select(Booking.status, func.count()).group_by(Booking.status))
    return {row[0]: row[1] for row in rows}


def name_of(session: Session, user_id: UUID) -> str | None:
    """What somebody is called."""
    return session.scalar(select(User.name).where(User.id == user_id))
