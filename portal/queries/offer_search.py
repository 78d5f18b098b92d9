"""Offers as their creator sees them: a list, and one with whoever booked it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, joinedload

from portal.models import Booking as Booking
from portal.models import BookingStatus as BookingStatus
from portal.models import CallOffer as CallOffer
from portal.models import OfferStatus as OfferStatus
from portal.models import Payment
from portal.queries.paging import Order, Page, cut_page, parse_cursor, parse_limit
from portal.queries.parameters import Arguments, member, one, refuse_unknown

PARAMETERS = frozenset({"status", "cursor", "limit", "tz"})


@dataclass(frozen=True, slots=True)
class OfferSearch:
    """A creator's offers, newest first, deleted ones left out."""

    creator_id: UUID
    status: OfferStatus | None = None
    order: Order = field(default_factory=Order)
    limit: int = 50

    @classmethod
    def from_args(cls, args: Arguments, *, creator_id: UUID) -> "OfferSearch":
        """The search that an address asks for. Raises BadParameter."""
        refuse_unknown(args, PARAMETERS)
        return cls(
            creator_id=creator_id,
            status=member("status", text, OfferStatus) if (text := one(args, "status")) else None,
            order=Order(parse_cursor(one(args, "cursor"), UUID)),
            limit=parse_limit(one(args, "limit")),
        )

    def statement(self) -> Select[CallOffer]:
        """Up to `limit` + 1 offers, in the cursor's direction."""
        query = select(CallOffer).where(CallOffer.creator_id == self.creator_id, CallOffer.deleted_at.is_(None))
        if self.status:
            query = query.where(CallOffer.status == self.status)
        place = (CallOffer.created_at, CallOffer.id)
        query = query.where(*self.order.conditions(*place))
        return query.order_by(*self.order.columns(*place)).limit(self.limit + 1)

    def page(self, session: Session) -> Page[CallOffer]:  # type: ignore[type-var]  # Mapped columns are no protocol members to mypy
        """One page."""
        found = session.scalars(self.statement()).all()
        return cut_page(found, self.limit, self.order.cursor)  # type: ignore[type-var]


def count_offers(session: Session, creator_id: UUID) -> Mapping[OfferStatus, int]:
    """How many offers a creator has in each status."""
    query = select(CallOffer.status, func.count().label("n")).where(
        CallOffer.creator_id == creator_id, CallOffer.deleted_at.is_(None)
    )
    found = {row.status: row.n for row in session.execute(query.group_by(CallOffer.status))}
    return {status: found.get(status, 0) for status in OfferStatus}


def live_bookings(session: Session, offers: Sequence[CallOffer]) -> Mapping[UUID, Booking]:
    """By offer: the booking that is not cancelled, with whoever made it."""
    query = select(Booking).options(joinedload(Booking.user)).where(
        Booking.call_offer_id.in_([offer.id for offer in offers]), Booking.status != BookingStatus.CANCELLED
    )  # fmt: skip
    return {booking.call_offer_id: booking for booking in session.scalars(query)}


@dataclass(frozen=True, slots=True)
class OfferDetail:
    """An offer, every booking there ever was of it, newest first, and the newest one's payment."""

    offer: CallOffer
    bookings: Sequence[Booking]
    payment: Payment | None

    @property
    def booking(self) -> Booking | None:
        """The booking that holds the call."""
        return next((b for b in self.bookings if b.status is not BookingStatus.CANCELLED), None)


def find_own_offer(session: Session, offer_id: UUID, creator_id: UUID) -> OfferDetail | None:
    """A creator's offer, unless it is another's or was deleted."""
    offer = session.get(CallOffer, offer_id, populate_existing=True)
    if offer is None or offer.creator_id != creator_id or offer.deleted_at is not None:
        return None
    query = select(Booking).options(joinedload(Booking.user)).where(Booking.call_offer_id == offer_id)
    bookings = session.scalars(query.order_by(Booking.created_at.desc(), Booking.id.desc())).all()
    return OfferDetail(offer, bookings, newest_payment(session, bookings[0].id) if bookings else None)


def newest_payment(session: Session, booking_id: UUID) -> Payment | None:
    """A booking's last payment."""
    query = (
        select(Payment)
        .where(Payment.booking_id == booking_id)
        .order_by(Payment.n.desc(), Payment.id.desc())
        .limit(1)
    )
    return session.scalar(query.execution_options(populate_existing=True))
