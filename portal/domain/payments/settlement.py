"""What Stripe shows of a payment intent, applied: paid, declined, cancelled. Applying twice changes nothing.

Whoever paid has the call or the money back: a booking that ended meanwhile is refunded.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.system_log import log_booking
from portal.domain.gateway import StripeCharge, StripeIntent
from portal.domain.payments.facts import (
    Sale,
    amount_of,
    lock_payment_of,
    log_money,
    log_payment_step,
)
from portal.domain.payments.giving_back import LATE, give_back
from portal.domain.refunds.facts import paid_status
from portal.domain.unmatched import log_unmatched
from portal.models import BookingStatus, OfferStatus, Payment, PaymentStatus, TransactionEventType

PAID = (PaymentStatus.SUCCEEDED, PaymentStatus.REFUNDED)


class PaymentMismatch(Exception):
    """Stripe received something else than what was asked for: a human must look."""


@dataclass(frozen=True, slots=True)
class Told:
    """How a state came to be known: the specification's word for confirmedVia, and Stripe's event."""

    via: str
    stripe_event_id: str | None
    now: datetime


def settle_intent(session: Session, seen: StripeIntent, told: Told) -> UUID | None:
    """Apply the state that Stripe shows; the payment's id, or None when the intent is none of ours.

    `seen` must have been read from Stripe. Raises PaymentMismatch.
    """
    payment_id = _payment_id(session, seen)
    if payment_id is None:
        log_unmatched(session, "payment_intent", seen.id, seen.id)
        return None
    sale, payment = lock_payment_of(session, payment_id)
    payment.stripe_payment_intent_id = payment.stripe_payment_intent_id or seen.id
    if seen.status == "succeeded" and payment.status not in PAID:
        _succeed(session, payment, sale, seen, told)
    elif seen.status == "canceled" and payment.status not in PAID:
        payment.status = PaymentStatus.CANCELED
    return payment_id


def _payment_id(session: Session, seen: StripeIntent) -> UUID | None:
    """By Stripe's id; by our own in the metadata when the answer that told us Stripe's was lost."""
    known = session.scalar(select(Payment.id).where(Payment.stripe_payment_intent_id == seen.id))
    if known is not None:
        return known
    try:
        ours = UUID(seen.metadata.get("payment_id", ""))
    except ValueError:
        return None
    query = select(Payment.id).where(Payment.id == ours, Payment.stripe_payment_intent_id.is_(None))
    return session.scalar(query)


def _succeed(session: Session, payment: Payment, sale: Sale, seen: StripeIntent, told: Told) -> None:
    if (seen.received_minor, seen.currency) != (payment.amount_minor, payment.currency):
        raise PaymentMismatch(f"{seen.id}: received {seen.received_minor} {seen.currency}")
    payment.status, payment.succeeded_at = PaymentStatus.SUCCEEDED, told.now
    payment.decline_code = payment.error_message = None
    log_payment_step(session, payment, sale, "SUCCEEDED", {"source": told.via})
    event = TransactionEventType.PAYMENT_SUCCEEDED
    log_money(session, payment, sale, event, stripe_event_id=told.stripe_event_id)
    if sale.booking.status is BookingStatus.PENDING:
        _confirm(session, payment, sale, told)
    else:
        give_back(session, payment.id, reason=LATE, now=told.now)
    payment.status = paid_status(session, payment)  # a refund made in Stripe may have been heard of first


def _confirm(session: Session, payment: Payment, sale: Sale, told: Told) -> None:
    booking = sale.booking
    facts = {
        "callOfferId": sale.offer.id,
        "offerId": sale.offer.id,
        "paymentId": payment.id,
        "previousStatus": booking.status,
        "newStatus": BookingStatus.CONFIRMED,
        "dailyRoomUrl": booking.daily_room_url,
        "dailyRoomName": booking.daily_room_name,
        "confirmedVia": told.via,
        "paymentIntentId": payment.stripe_payment_intent_id,
        "amount": amount_of(payment),
        "currency": payment.currency,
    }
    booking.status, booking.confirmed_at = BookingStatus.CONFIRMED, told.now
    sale.offer.status = OfferStatus.BOOKED
    log_booking("CONFIRMED", booking.id, booking.user_id, sale.offer.creator_id, facts, session=session)


def settle_decline(session: Session, seen: StripeIntent, charge: StripeCharge | None, told: Told) -> UUID | None:
    """Record a card that was declined; a payment that went through meanwhile stays so.

    `charge` is the try itself, read from Stripe; without one the intent's own last error says why.
    """
    payment_id = settle_intent(session, seen, told)
    if payment_id is None:
        return None
    sale, payment = lock_payment_of(session, payment_id)
    code, message = _why(seen, charge)
    if payment.status in {PaymentStatus.PENDING, PaymentStatus.FAILED}:
        payment.status, payment.decline_code, payment.error_message = PaymentStatus.FAILED, code, message
    facts: dict[str, Any] = {
        "errorMessage": message,
        "declineCode": code,
        "chargeId": charge.id if charge else None,
    }
    log_payment_step(session, payment, sale, "FAILED", facts)
    log_money(
        session,
        payment,
        sale,
        TransactionEventType.PAYMENT_FAILED,
        status=PaymentStatus.FAILED,
        error_message=message,
        stripe_event_id=told.stripe_event_id,
        metadata=facts,
    )
    return payment_id


def _why(seen: StripeIntent, charge: StripeCharge | None) -> tuple[str | None, str]:
    if charge is not None and charge.status == "failed" and charge.payment_intent == seen.id:
        return charge.decline_code or charge.failure_code, charge.failure_message or "declined"
    return seen.decline_code or seen.error_code, seen.error_message or "declined"
