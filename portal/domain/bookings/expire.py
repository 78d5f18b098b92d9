"""An unpaid booking ends: its payment is closed at Stripe first, then the call is for sale again."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.system_log import log_booking
from portal.domain.gateway import StripeGateway
from portal.domain.payments.closing import close_payments
from portal.domain.payments.facts import lock_sale, open_payments
from portal.domain.work import Clock, UnitOfWork
from portal.models import Booking, BookingStatus, OfferStatus

REASON = "Unpaid before its deadline"


def expired_bookings(session: Session, *, now: datetime, limit: int = 200) -> Sequence[UUID]:
    """Bookings whose time to pay is over, oldest first."""
    query = select(Booking.id).where(Booking.status == BookingStatus.PENDING, Booking.expires_at <= now)
    return session.scalars(query.order_by(Booking.expires_at).limit(limit)).all()


def expire_booking(work: UnitOfWork, gateway: StripeGateway, *, booking_id: UUID, clock: Clock) -> bool:
    """End the booking, unless it was paid or Stripe does not say; whether it has ended."""
    with work() as session:
        if not _is_due(session.get(Booking, booking_id, populate_existing=True), clock()):
            return False
    if not close_payments(work, gateway, booking_id=booking_id, clock=clock):
        return False
    with work() as session:
        return _end(session, booking_id, clock())


def _end(session: Session, booking_id: UUID, now: datetime) -> bool:
    """Decided again on the locked rows: paid meanwhile, it stays; a payment opened meanwhile is closed first."""
    sale = lock_sale(session, booking_id)
    if sale is None or not _is_due(sale.booking, now) or open_payments(session, booking_id):
        return False
    booking, offer = sale.booking, sale.offer
    facts = {
        "callOfferId": offer.id,
        "offerId": offer.id,
        "previousStatus": booking.status,
        "newStatus": BookingStatus.CANCELLED,
        "expiredAt": now,
        "reason": REASON,
    }
    booking.status, booking.ended_at, booking.end_reason = BookingStatus.CANCELLED, now, REASON
    offer.status = OfferStatus.AVAILABLE
    offer.version += 1
    log_booking("EXPIRED", booking.id, booking.user_id, offer.creator_id, facts, session=session)
    return True


def _is_due(booking: Booking | None, now: datetime) -> bool:
    """Whether a booking is unpaid past its deadline."""
    if booking is None or booking.status is not BookingStatus.PENDING:
        return False
    return booking.expires_at is not None and booking.expires_at <= now
