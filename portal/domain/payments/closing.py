"""Closing what can still be paid: the intent is cancelled at Stripe first; paid in that moment, it is settled."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.domain.gateway import StripeFailure, StripeGateway, StripeIntent
from portal.domain.payments.facts import IS_OPEN, lock_payment_of, open_payments
from portal.domain.payments.settlement import Told, settle_intent
from portal.domain.work import Clock, UnitOfWork
from portal.models import Booking, BookingStatus, Payment, PaymentStatus

VIA = "payment_intent_read_at_closing"
UNEXPECTED_STATE = "payment_intent_unexpected_state"
RECENT = timedelta(days=7)


def unclosed_bookings(session: Session, *, now: datetime, limit: int = 100) -> Sequence[UUID]:
    """Cancelled bookings that could still be paid at Stripe."""
    query = select(Booking.id).join(Payment, Payment.booking_id == Booking.id)
    ended = (Booking.status == BookingStatus.CANCELLED, Booking.ended_at > now - RECENT, IS_OPEN)
    return session.scalars(query.where(*ended).order_by(Booking.ended_at).limit(limit)).all()


def close_payments(work: UnitOfWork, gateway: StripeGateway, *, booking_id: UUID, clock: Clock) -> bool:
    """Make sure that nobody can pay for a booking any more, or settle what was paid.

    False when Stripe did not say, or is still at work: try again later.
    """
    with work() as session:
        found = [(p.id, p.stripe_payment_intent_id) for p in open_payments(session, booking_id)]
    closed = [_close(work, gateway, *payment, clock=clock) for payment in found]
    return all(closed)


def _close(
    work: UnitOfWork, gateway: StripeGateway, payment_id: UUID, intent_id: str | None, *, clock: Clock
) -> bool:
    if intent_id is None:
        return _abandon(work, payment_id)
    try:
        seen = _cancelled(gateway, intent_id)
    except StripeFailure:
        return False
    with work() as session:
        settle_intent(session, seen, Told(VIA, None, clock()))
    return seen.status in {"canceled", "succeeded"}


def _cancelled(gateway: StripeGateway, intent_id: str) -> StripeIntent:
    """The intent, cancelled, or as it stands when it is past that."""
    try:
        return gateway.cancel_intent(intent_id)
    except StripeFailure as failure:
        if failure.code != UNEXPECTED_STATE:
            raise
        return gateway.retrieve_intent(intent_id)


def _abandon(work: UnitOfWork, payment_id: UUID) -> bool:
    """Nobody was ever given the secret of an intent whose id we do not know: it cannot be paid."""
    with work() as session:
        _, payment = lock_payment_of(session, payment_id)
        if payment.stripe_payment_intent_id is not None:
            return False
        payment.status = PaymentStatus.CANCELED
    return True
