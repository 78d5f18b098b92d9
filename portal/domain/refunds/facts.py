"""What the refund verbs share: locking in one order, what is left of a payment, and the facts of audit rows."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.models import Booking, CallOffer, Creator, Payment, PaymentStatus, Refund, RefundStatus
from portal.models.currency import to_decimal

COUNTED = (RefundStatus.PENDING, RefundStatus.SUCCEEDED)
"""Refunds that take from a payment: what Stripe may still refuse counts until it has."""


def lock_payment(session: Session, payment_id: UUID) -> Payment | None:
    """The payment, locked and freshly read: before its refunds."""
    return session.get(Payment, payment_id, with_for_update=True, populate_existing=True)


def lock_payment_by_intent(session: Session, payment_intent: str | None) -> Payment | None:
    """The payment of Stripe's intent, locked and freshly read; None when it is none of ours."""
    if payment_intent is None:
        return None
    query = select(Payment.id).where(Payment.stripe_payment_intent_id == payment_intent)
    payment_id = session.scalar(query)
    return None if payment_id is None else lock_payment(session, payment_id)


def lock_refund(session: Session, refund_id: UUID) -> tuple[Refund, Payment] | None:
    """A refund and its payment, locked and freshly read, the payment first."""
    payment_id = session.scalar(select(Refund.payment_id).where(Refund.id == refund_id))
    payment = None if payment_id is None else lock_payment(session, payment_id)
    if payment is None:
        return None
    return session.get_one(Refund, refund_id, with_for_update=True, populate_existing=True), payment


def refunded_minor(session: Session, payment_id: UUID, *statuses: RefundStatus) -> int:
    """Minor units of a payment's refunds with one of these statuses."""
    query = select(func.coalesce(func.sum(Refund.amount_minor), 0))
    query = query.where(Refund.payment_id == payment_id, Refund.status.in_(statuses))
    return int(session.scalar(query) or 0)


def left_minor(session: Session, payment: Payment) -> int:
    """Minor units of a payment that nobody asked back yet."""
    return payment.amount_minor - refunded_minor(session, payment.id, *COUNTED)


def paid_status(session: Session, payment: Payment) -> PaymentStatus:
    """How a payment that went through stands: REFUNDED when all of it was given back."""
    whole = refunded_minor(session, payment.id, RefundStatus.SUCCEEDED) >= payment.amount_minor
    return PaymentStatus.REFUNDED if whole else PaymentStatus.SUCCEEDED


def parties_of(session: Session, payment: Payment) -> tuple[UUID, UUID]:
    """The users who bought and who sold the call."""
    query = select(Booking.user_id, Creator.user_id).join(CallOffer, CallOffer.id == Booking.call_offer_id)
    query = query.join(Creator, Creator.id == CallOffer.creator_id).where(Booking.id == payment.booking_id)
    buyer, seller = session.execute(query).one()
    return buyer, seller


def seller_of(session: Session, payment: Payment) -> UUID:
    """The creator whose call was paid for."""
    query = select(CallOffer.creator_id).join(Booking, Booking.call_offer_id == CallOffer.id)
    return session.scalars(query.where(Booking.id == payment.booking_id)).one()


def amount_of(refund: Refund) -> Decimal:
    """The refund's decimal amount, as audit rows show it."""
    return to_decimal(refund.amount_minor, refund.currency)


def refund_facts(session: Session, refund: Refund, payment: Payment) -> dict[str, Any]:
    """refundId, its payment, booking and creator, amount and currency for an audit row."""
    return {
        "refundId": refund.id,
        "paymentId": payment.id,
        "bookingId": payment.booking_id,
        "creatorId": seller_of(session, payment),
        "amount": amount_of(refund),
        "currency": refund.currency,
    }
