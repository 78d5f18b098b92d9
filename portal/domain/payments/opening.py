"""Opening the payment of a booking: one intent at a time, created once, whatever is clicked or lost.

Checked and stored with its key first (claim), then created or read again at Stripe (call), then recorded
(settle). As long as an intent can be paid no other is made: nobody pays twice. A booking is paid within a day
or ends, so that a stored key is never older than Stripe's memory of it.
"""

import time
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.audit.actor import Actor
from portal.audit.system_log import log_info
from portal.domain.gateway import StripeFailure, StripeGateway, StripeIntent
from portal.domain.patience import patiently
from portal.domain.payments import refusals
from portal.domain.payments.facts import (
    Sale,
    lock_payment_of,
    lock_sale,
    log_money,
    log_payment_step,
    open_payments,
    share_facts,
)
from portal.domain.payments.shares import share_out
from portal.domain.work import Clock, UnitOfWork
from portal.models import BookingStatus, Creator, LogActor, Payment, PaymentStatus, TransactionEventType, uuid7
from portal.models.currency import to_decimal

UNDER_WAY = ("succeeded", "processing")


@dataclass(frozen=True, slots=True)
class OpenPayment:
    """A payment that can be made; `client_secret` is for the payer's browser and nowhere else."""

    payment_id: UUID
    intent_id: str
    client_secret: str = field(repr=False)
    amount: Decimal
    currency: str
    platform_fee: Decimal
    creator_amount: Decimal


@dataclass(frozen=True, slots=True)
class _Claim:
    """What is to be created, or read again when `intent_id` is known."""

    payment_id: UUID
    idempotency_key: str
    params: dict[str, Any]
    intent_id: str | None


def open_payment(
    work: UnitOfWork,
    gateway: StripeGateway,
    *,
    booking_id: str,
    actor: Actor,
    fee_percent: Decimal,
    clock: Clock,
) -> OpenPayment:
    """The booking's payment intent, created or the one there is. Raises PaymentRefused, NotFound."""
    started = time.monotonic()
    log_info("PAYMENT_INTENT_CREATION_INITIATED", LogActor.USER, None, actor.id, {"bookingId": booking_id[:80]})
    for _ in range(2):
        with work() as session:
            claim = _claim(session, booking_id, actor, fee_percent, clock())
        intent = _ask(work, gateway, claim, actor)
        with work() as session:
            opened = _record(session, claim, intent, actor, started)
        if opened is not None:
            return opened
    raise refusals.closed(actor, booking_id, BookingStatus.CANCELLED)


def _claim(session: Session, booking_id: str, actor: Actor, fee_percent: Decimal, now: datetime) -> _Claim:
    """The payment to open, stored with its key before anything is sent."""
    sale = _checked(session, booking_id, actor, now)
    found = open_payments(session, sale.booking.id)
    payment = found[0] if found else _prepare(session, sale, actor, fee_percent, now)
    return _Claim(
        payment_id=payment.id,
        idempotency_key=payment.idempotency_key or "",
        params=dict(payment.params or {}),
        intent_id=payment.stripe_payment_intent_id,
    )


def _checked(session: Session, booking_id: str, actor: Actor, now: datetime) -> Sale:
    try:
        sale = lock_sale(session, UUID(booking_id))
    except ValueError:
        sale = None
    if sale is None:
        raise refusals.not_found(actor, booking_id)
    booking = sale.booking
    if booking.user_id != actor.user_id:
        raise refusals.foreign(actor, booking)
    if booking.status in {BookingStatus.CONFIRMED, BookingStatus.COMPLETED}:
        raise refusals.already_paid(actor, booking)
    expired = booking.expires_at is not None and booking.expires_at <= now
    if booking.status is not BookingStatus.PENDING or expired:
        raise refusals.closed(actor, booking_id, booking.status)
    return sale


def _prepare(session: Session, sale: Sale, actor: Actor, fee_percent: Decimal, now: datetime) -> Payment:
    offer, booking = sale.offer, sale.booking
    creator = session.get_one(Creator, offer.creator_id, populate_existing=True)
    if creator.stripe_account_id is None:
        raise refusals.without_account(actor, booking)
    newest = session.scalar(select(func.max(Payment.n)).where(Payment.booking_id == booking.id)) or 0
    shares = share_out(offer.price_minor, fee_percent)
    payment = Payment(
        id=uuid7(),
        booking_id=booking.id,
        n=newest + 1,
        idempotency_key=f"cs-pi:{booking.id}:{newest + 1}",
        amount_minor=shares.amount_minor,
        platform_fee_minor=shares.platform_fee_minor,
        creator_amount_minor=shares.creator_amount_minor,
        currency=offer.currency,
        status=PaymentStatus.PENDING,
        created_at=now,
    )
    payment.params = _params(payment, sale, creator.stripe_account_id)
    session.add(payment)
    session.flush()
    return payment


def _params(payment: Payment, sale: Sale, destination: str) -> dict[str, Any]:
    """A destination charge: the creator's account gets the amount, and the platform its fee back."""
    fee = {"application_fee_amount": payment.platform_fee_minor} if payment.platform_fee_minor else {}
    return {
        "amount": payment.amount_minor,
        "currency": payment.currency.lower(),
        "allowed_payment_method_types": ["card"],
        "transfer_data": {"destination": destination},
        **fee,
        "metadata": {
            "payment_id": str(payment.id),
            "booking_id": str(sale.booking.id),
            "creator_id": str(sale.offer.creator_id),
            "user_id": str(sale.booking.user_id),
        },
    }


def _ask(work: UnitOfWork, gateway: StripeGateway, claim: _Claim, actor: Actor) -> StripeIntent:
    try:
        return gateway.retrieve_intent(claim.intent_id) if claim.intent_id else _create(gateway, claim)
    except StripeFailure as failure:
        with work() as session:
            refusal = refusals.record_failure(
                session, claim.payment_id, failure, actor, of_creation=claim.intent_id is None
            )
        raise refusal from failure


def _create(gateway: StripeGateway, claim: _Claim) -> StripeIntent:
    return patiently(lambda: gateway.create_intent(claim.params, claim.idempotency_key))


def _record(
    session: Session, claim: _Claim, intent: StripeIntent, actor: Actor, started: float
) -> OpenPayment | None:
    """The opened payment; None when its intent was cancelled and another may be made."""
    sale, payment = lock_payment_of(session, claim.payment_id)
    if payment.stripe_payment_intent_id is None:
        payment.stripe_payment_intent_id = intent.id
        _log_initiated(session, payment, sale, started)
    if payment.status is PaymentStatus.SUCCEEDED or intent.status in UNDER_WAY:
        raise refusals.already_paid(actor, sale.booking)
    if intent.status == "canceled":
        payment.status = PaymentStatus.CANCELED
    if payment.status is PaymentStatus.CANCELED or sale.booking.status is not BookingStatus.PENDING:
        return None
    payment.status = PaymentStatus.PENDING  # declined before: another card is about to be tried
    return OpenPayment(
        payment_id=payment.id,
        intent_id=intent.id,
        client_secret=intent.client_secret,
        amount=to_decimal(payment.amount_minor, payment.currency),
        currency=payment.currency,
        platform_fee=to_decimal(payment.platform_fee_minor, payment.currency),
        creator_amount=to_decimal(payment.creator_amount_minor, payment.currency),
    )


def _log_initiated(session: Session, payment: Payment, sale: Sale, started: float) -> None:
    took = {"processingTimeMs": round((time.monotonic() - started) * 1000), "useStripeConnect": True}
    log_payment_step(session, payment, sale, "INITIATED", share_facts(payment) | took)
    log_money(session, payment, sale, TransactionEventType.PAYMENT_CREATED, metadata=share_facts(payment))
