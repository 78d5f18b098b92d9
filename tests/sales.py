"""Calls that were sold: an offer, its booking, and its payment as Stripe holds it; and what is asked back."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.audit.actor import SYSTEM, Actor, operation
from portal.domain.refunds.request import request_refund
from portal.domain.refunds.sending import send_refund
from portal.domain.work import utc_now
from portal.models import (
    Booking,
    BookingStatus,
    CallOffer,
    Creator,
    Dispute,
    OfferStatus,
    Payment,
    PaymentStatus,
    Refund,
    TransactionLog,
    Transfer,
    User,
    uuid7,
)
from portal.unit_of_work import unit_of_work
from tests.domain.acts import admin_actor

REASON = "Appel annulé par le créateur"
FEE_PERCENT = 15


@dataclass
class Sales:
    """Sells, and gives money back, each act in an operation of its own."""

    app: Flask
    session: Session
    clock: Callable[[], datetime] = utc_now

    def sell(
        self,
        creator: Creator,
        buyer: User,
        amount_minor: int = 10_000,
        card: str = "bypassPending",
        fee_percent: int = FEE_PERCENT,
    ) -> Payment:
        """A call that was paid for with a test card; the money is at Stripe and shared out."""
        booking = self._booked(creator, buyer, amount_minor)
        fee = amount_minor * fee_percent // 100
        intent = self._stripe.payment_intents.create(
            {
                "amount": amount_minor,
                "currency": creator.currency.lower(),
                **({"application_fee_amount": fee} if fee else {}),
                "transfer_data": {"destination": creator.stripe_account_id},
                "payment_method": f"pm_card_{card}",
                "confirm": True,
                "metadata": {"booking_id": str(booking.id)},
            }
        )
        payment = Payment(
            id=uuid7(),
            booking_id=booking.id,
            amount_minor=amount_minor,
            platform_fee_minor=fee,
            creator_amount_minor=amount_minor - fee,
            currency=creator.currency,
            status=PaymentStatus.SUCCEEDED,
            stripe_payment_intent_id=intent["id"],
            succeeded_at=datetime.now(UTC),
        )
        self.session.add(payment)
        self.session.commit()
        return payment

    @property
    def _stripe(self) -> Any:
        return self.app.extensions["stripe_gateway"]._client.v1

    def not_yet_told(self, payment: Payment) -> None:
        """As it stood before Stripe's word of its success came."""
        booking = self.session.get_one(Booking, payment.booking_id)
        booking.status, payment.status, payment.succeeded_at = BookingStatus.PENDING, PaymentStatus.PENDING, None
        self.session.commit()

    def booking(self, payment: Payment) -> Booking:
        """The payment's booking as it stands in the database."""
        found: Booking = self._fresh(Booking, payment.booking_id)
        return found

    def _booked(self, creator: Creator, buyer: User, price_minor: int) -> Booking:
        offer = CallOffer(
            id=uuid7(),
            creator_id=creator.id,
            title="Appel de 30 minutes",
            price_minor=price_minor,
            currency=creator.currency,
            starts_at=datetime.now(UTC) + timedelta(days=2),
            duration_minutes=30,
            status=OfferStatus.BOOKED,
        )
        self.session.add(offer)
        self.session.flush()
        booking = Booking(id=uuid7(), call_offer_id=offer.id, user_id=buyer.id, status=BookingStatus.CONFIRMED)
        self.session.add(booking)
        self.session.flush()
        return booking

    def charge(self, payment: Payment) -> str:
        """Stripe's id of the payment's charge."""
        return str(self._stripe.payment_intents.retrieve(payment.stripe_payment_intent_id)["latest_charge"])

    def ask_back(
        self, payment: Payment, admin: User | None = None, amount: str | None = None, **rest: Any
    ) -> Refund:
        """A refund as it is stored, not yet sent."""
        actor: Actor = admin_actor(admin) if admin else SYSTEM
        given = {"reason": REASON, "amount": amount, **rest}
        with self.app.app_context(), operation(), unit_of_work() as unit:
            return request_refund(unit, payment_id=payment.id, actor=actor, now=self.clock(), **given)

    def send(self, refund: Refund) -> None:
        """One worker's try to send it."""
        gateway = self.app.extensions["stripe_gateway"]
        with self.app.app_context(), operation():
            send_refund(unit_of_work, gateway, refund_id=refund.id, clock=self.clock)

    def give_back(self, payment: Payment, admin: User | None = None, amount: str | None = None) -> Refund:
        """A refund asked for and sent."""
        refund = self.ask_back(payment, admin, amount)
        self.send(refund)
        return self.refund(refund.id)

    def age(self, interval: str) -> None:
        """Let time pass for every refund: leases end, keys grow old."""
        columns = ["first_sent_at", "last_sent_at", "next_send_at", "lease_until"]
        changes = ", ".join(f"{column} = {column} - interval '{interval}'" for column in columns)
        self.session.rollback()
        self.session.execute(text(f"update refund set {changes}"))
        self.session.commit()

    def sweep(self, after: str = "2 minutes") -> None:
        """Let time pass, then send whatever is due as the job does."""
        from portal.jobs import send_refunds

        self.age(after)
        send_refunds.tick(self.app)

    def refund(self, refund_id: UUID) -> Refund:
        """The refund as it stands in the database."""
        return self._fresh(Refund, refund_id)

    def payment(self, payment_id: UUID) -> Payment:
        """The payment as it stands in the database."""
        return self._fresh(Payment, payment_id)

    def dispute(self) -> Dispute:
        """The only dispute as it stands in the database."""
        self.session.rollback()
        return self.session.scalars(select(Dispute).execution_options(populate_existing=True)).one()

    def transfers(self) -> list[Transfer]:
        """The transfers as they stand in the database."""
        self.session.rollback()
        query = select(Transfer).order_by(Transfer.created_at)
        return list(self.session.scalars(query.execution_options(populate_existing=True)))

    def money(self) -> list[TransactionLog]:
        """The rows of the book of money, in order."""
        self.session.rollback()
        return list(self.session.scalars(select(TransactionLog).order_by(TransactionLog.id)))

    def refunds_at_stripe(self, payment: Payment) -> list[Any]:
        """What Stripe itself shows, newest first."""
        wanted = {"payment_intent": payment.stripe_payment_intent_id}
        return list(self._stripe.refunds.list(wanted)["data"])

    def _fresh(self, model: Any, id_: UUID) -> Any:
        self.session.rollback()
        return self.session.get_one(model, id_, populate_existing=True)
