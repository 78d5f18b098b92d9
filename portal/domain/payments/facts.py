"""What the payment verbs share: locking offer, booking and payment in this order, and the facts of audit rows."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from portal.audit.actor import Actor
from portal.audit.system_log import log_payment_event
from portal.audit.transaction_log import log_payment
from portal.domain.offers.facts import lock_offer
from portal.models import Booking, CallOffer, LogActor, Payment, PaymentStatus, TransactionEventType
from portal.models.currency import to_decimal

IS_OPEN = or_(
    Payment.status == PaymentStatus.PENDING,
    and_(Payment.status == PaymentStatus.FAILED, Payment.stripe_payment_intent_id.is_not(None)),
)
"""Payments that may still be paid at Stripe: not sent, waiting, or declined and to be tried again."""


@dataclass(frozen=True, slots=True)
class Sale:
    """A booking with its offer, both locked."""

    offer: CallOffer
    booking: Booking


def lock_sale(session: Session, booking_id: UUID) -> Sale | None:
    """The booking and its offer, freshly read; the offer is locked first, always."""
    offer_id = session.scalar(select(Booking.call_offer_id).where(Booking.id == booking_id))
    offer = None if offer_id is None else lock_offer(session, offer_id)
    if offer is None:
        return None
    return Sale(offer, session.get_one(Booking, booking_id, with_for_update=True, populate_existing=True))


def lock_payment_of(session: Session, payment_id: UUID) -> tuple[Sale, Payment]:
    """A payment that exists, with its booking and offer."""
    booking_id = session.scalars(select(Payment.booking_id).where(Payment.id == payment_id)).one()
    sale = lock_sale(session, booking_id)
    assert sale is not None  # noqa: S101 -- the foreign keys say so
    return sale, session.get_one(Payment, payment_id, with_for_update=True, populate_existing=True)


def open_payments(session: Session, booking_id: UUID) -> list[Payment]:
    """A booking's payments that may still be paid, locked; call after lock_sale()."""
    query = select(Payment).where(Payment.booking_id == booking_id, IS_OPEN).order_by(Payment.n)
    return list(session.scalars(query.with_for_update().execution_options(populate_existing=True)))


def amount_of(payment: Payment) -> Decimal:
    """The payment's decimal amount, as audit rows show it."""
    return to_decimal(payment.amount_minor, payment.currency)


def payment_facts(payment: Payment, sale: Sale) -> dict[str, Any]:
    """The ids and the amount that rows about a payment repeat."""
    return {
        "paymentId": payment.id,
        "bookingId": sale.booking.id,
        "userId": sale.booking.user_id,
        "creatorId": sale.offer.creator_id,
        "paymentIntentId": payment.stripe_payment_intent_id,
        "amount": amount_of(payment),
        "currency": payment.currency,
    }


def share_facts(payment: Payment) -> dict[str, Any]:
    """platformFee and creatorAmount."""
    return {
        "platformFee": to_decimal(payment.platform_fee_minor, payment.currency),
        "creatorAmount": to_decimal(payment.creator_amount_minor, payment.currency),
    }


def log_payment_step(session: Session, payment: Payment, sale: Sale, event: str, facts: dict[str, Any]) -> None:
    """PAYMENT_`event` in the payment's transaction, with its ids and amount."""
    everything, user_id = payment_facts(payment, sale) | facts, sale.booking.user_id
    amount, currency = amount_of(payment), payment.currency
    log_payment_event(event, payment.id, user_id, amount, currency, metadata=everything, session=session)


def log_money(
    session: Session, payment: Payment, sale: Sale, event_type: TransactionEventType, **rest: Any
) -> None:
    """What happened to the payment, in the book of money."""
    metadata = {"bookingId": sale.booking.id, "userId": sale.booking.user_id, "creatorId": sale.offer.creator_id}
    log_payment(
        event_type,
        payment_id=payment.id,
        amount=amount_of(payment),
        currency=payment.currency,
        stripe_payment_intent_id=payment.stripe_payment_intent_id,
        metadata=metadata | rest.pop("metadata", {}),
        actor=Actor(LogActor.USER, str(sale.booking.user_id)),
        session=session,
        **{"status": payment.status, **rest},
    )
