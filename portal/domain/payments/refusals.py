"""Why a booking cannot be paid now: each refusal recorded apart, under the specification's event."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from portal.audit.actor import Actor
from portal.audit.system_log import log_error
from portal.audit.transaction_log import log_error as log_transaction_error
from portal.domain.errors import NotFound, PaymentRefused
from portal.domain.gateway import StripeFailure, Verdict
from portal.domain.payments.facts import amount_of, lock_payment_of
from portal.models import Booking, BookingStatus, EntityType, LogActor, PaymentStatus, TransactionEventType

NOT_FOUND = "PAYMENT_INTENT_BOOKING_NOT_FOUND"
ALREADY_PAID = "PAYMENT_INTENT_ALREADY_PAID"
CLOSED = "PAYMENT_INTENT_BOOKING_CLOSED"
STRIPE_ERROR = "PAYMENT_INTENT_STRIPE_ERROR"


def not_found(actor: Actor, booking_id: str) -> NotFound:
    """No such booking."""
    log_error(NOT_FOUND, LogActor.USER, None, actor.id, {"bookingId": booking_id[:80]})
    return _missing()


def foreign(actor: Actor, booking: Booking) -> NotFound:
    """Somebody else's booking: recorded as such, answered like a missing one."""
    facts = {"bookingId": booking.id, "bookingOwnerId": booking.user_id}
    log_error("PAYMENT_INTENT_ACCESS_DENIED", LogActor.USER, None, actor.id, facts)
    return _missing()


def _missing() -> NotFound:
    return NotFound("Cette réservation n’existe pas.", event=NOT_FOUND)


def already_paid(actor: Actor, booking: Booking) -> PaymentRefused:
    """Paid, or being paid: nothing is to be paid any more."""
    facts = {"bookingId": booking.id, "bookingStatus": booking.status}
    log_error(ALREADY_PAID, LogActor.USER, None, actor.id, facts)
    return PaymentRefused("Cette réservation est déjà payée.", event=ALREADY_PAID, facts=facts)


def closed(actor: Actor, booking_id: str, status: BookingStatus) -> PaymentRefused:
    """The booking was cancelled, or its time to pay is over."""
    facts = {"bookingId": booking_id, "bookingStatus": status}
    log_error(CLOSED, LogActor.USER, None, actor.id, facts)
    message = "Cette réservation a expiré ou a été annulée : elle ne peut plus être payée."
    return PaymentRefused(message, event=CLOSED, facts=facts)


def without_account(actor: Actor, booking: Booking) -> PaymentRefused:
    """The creator's account is gone since the booking."""
    facts = {
        "bookingId": booking.id,
        "errorType": "no_account",
        "errorCode": None,
        "errorMessage": "creator has no Stripe account",
        "stripeRequestId": None,
    }
    log_error(STRIPE_ERROR, LogActor.SYSTEM, None, None, facts | {"userId": actor.user_id})
    message = "Ce créateur ne peut plus recevoir de paiements."
    return PaymentRefused(message, event=STRIPE_ERROR, facts={"bookingId": booking.id})


def record_failure(
    session: Session, payment_id: UUID, failure: StripeFailure, actor: Actor, *, of_creation: bool
) -> PaymentRefused:
    """What Stripe's failure means: refused for good ends this try, anything else is asked again, same key."""
    sale, payment = lock_payment_of(session, payment_id)
    facts: dict[str, Any] = failure.facts() | {
        "bookingId": sale.booking.id,
        "paymentId": payment.id,
        "userId": actor.user_id,
        "creatorId": sale.offer.creator_id,
    }
    log_error(STRIPE_ERROR, LogActor.SYSTEM, None, None, facts, session=session)
    known = {"bookingId": sale.booking.id, "paymentId": payment.id, "errorCode": failure.code}
    if not of_creation or failure.verdict is not Verdict.REFUSED:
        message = "Stripe ne répond pas pour l’instant. Réessayez dans un moment : rien ne sera débité deux fois."
        return PaymentRefused(message, event=STRIPE_ERROR, status=503, facts=known)
    payment.status, payment.error_message = PaymentStatus.FAILED, failure.message[:500]
    log_transaction_error(
        TransactionEventType.PAYMENT_FAILED,
        EntityType.PAYMENT,
        payment.id,
        failure,
        {"bookingId": sale.booking.id, "creatorId": sale.offer.creator_id, **failure.facts()},
        amount=amount_of(payment),
        currency=payment.currency,
        status=payment.status,
        session=session,
    )
    message = "Stripe a refusé d’ouvrir ce paiement : rien n’a été débité."
    return PaymentRefused(message, event=STRIPE_ERROR, facts=known)
