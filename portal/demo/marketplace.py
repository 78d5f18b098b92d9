"""Offers, bookings and payments: who sold what to whom, and how the money came in."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from portal.demo.cast import TITLES
from portal.demo.chance import DAY, weekday_weight
from portal.demo.deliveries import hear, note
from portal.demo.rows import Facts, Operation, amount
from portal.demo.world import DAYS, Person, Seller, World, stamp
from portal.domain.money import plain_amount
from portal.domain.payments.shares import share_out
from portal.models import (
    BookingStatus,
    EntityType,
    LogActor,
    OfferStatus,
    PaymentStatus,
    TransactionEventType,
)

READY_AFTER = 2 * DAY
UNPAID_FOR = timedelta(minutes=30)
ROOMS = "https://callastar.daily.co"
PRICES = (2_500, 3_000, 4_000, 4_500, 6_000, 7_500, 9_000, 12_000, 15_000, 22_000)
LENGTHS = (15, 20, 30, 45, 60, 90)
DECLINES = (
    ("insufficient_funds", "Your card has insufficient funds."),
    ("generic_decline", "Your card was declined."),
    ("expired_card", "Your card has expired."),
    ("authentication_required", "Your card was declined. This transaction requires authentication."),
    ("lost_card", "Your card was declined."),
)


class Sale:
    """One offer, its booking and its payments."""

    def __init__(self, world: World, seller: Seller, buyer: Person, at: datetime) -> None:
        self.world, self.seller, self.buyer, self.at = world, seller, buyer, at
        self.tries = 0
        self.offer = publish(world, seller, at - world.chance.span(DAY / 2, 9 * DAY), at)
        self.booking = self._book()
        self.payment: Facts = {}
        self.charge: dict[str, Any] = {}
        self.intent: dict[str, Any] = {}
        self.transfer: dict[str, Any] = {}

    @property
    def ends_at(self) -> datetime:
        """When the call is over."""
        end: datetime = self.offer["starts_at"] + timedelta(minutes=self.offer["duration_minutes"])
        return end

    def _book(self) -> Facts:
        op = self.world.operation(self.at)
        row = {"id": self.world.chance.uuid(self.at), "call_offer_id": self.offer["id"], "user_id": self.buyer.id}
        row |= {"status": BookingStatus.PENDING, "confirmed_at": None, "ended_at": None, "created_at": self.at}
        row |= {"expires_at": min(self.at + UNPAID_FOR, self.offer["starts_at"]), "end_reason": None}
        row |= {"daily_room_name": f"call-{row['id']}", "daily_room_url": f"{ROOMS}/call-{row['id']}"}
        self.offer["status"] = OfferStatus.BOOKED
        facts = {"bookingId": row["id"], "userId": self.buyer.id, "creatorId": self.seller.id}
        facts |= {
            "callOfferId": self.offer["id"],
            "offerId": self.offer["id"],
            "price": plain_amount(self.offer["price_minor"], self.seller.currency),
            "expiresAt": row["expires_at"],
        }
        facts |= {"currency": self.seller.currency, "dateTime": self.offer["starts_at"]}
        op.log("BOOKING_CREATED", LogActor.USER, self.buyer.id, facts)
        return self.world.books.add("booking", row)

    def begin_payment(self, at: datetime) -> None:
        """Ask Stripe for a payment intent."""
        op = self.world.operation(at)
        op.log(
            "PAYMENT_INTENT_CREATION_INITIATED", LogActor.USER, self.buyer.id, {"bookingId": self.booking["id"]}
        )
        took = op.wait(180, 900)
        self.payment = self._payment_row(op.at)
        self.intent = self._intent(op.at)
        facts = self.money_facts() | self._shares() | {"paymentIntentId": self.intent["id"]}
        facts |= {"processingTimeMs": took, "useStripeConnect": True}
        op.log("PAYMENT_INITIATED", LogActor.USER, self.buyer.id, facts)
        about = {"bookingId": self.booking["id"], "userId": self.buyer.id, "creatorId": self.seller.id}
        created, buyer = TransactionEventType.PAYMENT_CREATED, (LogActor.USER, self.buyer.id)
        self.enter(op, created, about | self._shares(), status=PaymentStatus.PENDING, actor=buyer)

    def _payment_row(self, at: datetime) -> Facts:
        self.tries += 1
        shares = asdict(share_out(self.offer["price_minor"], self.world.fee_percent))
        row = {"id": self.world.chance.uuid(at), "booking_id": self.booking["id"], **shares}
        row |= {"currency": self.seller.currency, "n": self.tries}
        row |= {"idempotency_key": f"cs-pi:{self.booking['id']}:{self.tries}"}
        row |= {"status": PaymentStatus.PENDING, "stripe_payment_intent_id": self.world.chance.stripe_id("pi")}
        row |= {"decline_code": None, "error_message": None, "succeeded_at": None, "created_at": at}
        return self.world.books.add("payment", row)

    def _intent(self, at: datetime) -> dict[str, Any]:
        id_, price = self.payment["stripe_payment_intent_id"], self.offer["price_minor"]
        intent = {"object": "payment_intent", "id": id_, "amount": price, "status": "requires_payment_method"}
        intent |= {"application_fee_amount": self.payment["platform_fee_minor"], "created": stamp(at)}
        intent |= {"currency": self.seller.currency.lower(), "transfer_data": {"destination": self.seller.account}}
        ids = {"booking_id": str(self.booking["id"]), "payment_id": str(self.payment["id"])}
        intent |= {"client_secret": f"{id_}_secret_{self.world.chance.stripe_id('s')[2:]}", "metadata": ids}
        self.world.objects.append(intent)
        return intent

    def money_facts(self) -> Facts:
        """The ids and the amount that rows about the payment repeat."""
        facts = {"paymentId": self.payment["id"], "bookingId": self.booking["id"], "creatorId": self.seller.id}
        total = amount(self.payment["amount_minor"], self.seller.currency)
        return facts | {"amount": total, "currency": self.seller.currency}

    def _shares(self) -> Facts:
        currency, fee = self.seller.currency, self.payment["platform_fee_minor"]
        share = self.payment["creator_amount_minor"]
        return {"platformFee": amount(fee, currency), "creatorAmount": amount(share, currency)}

    def enter(self, op: Operation, event: TransactionEventType, metadata: Facts, **columns: Any) -> None:
        """A row of the money book about the payment."""
        facts = {"stripePaymentIntentId": self.intent["id"], **metadata}
        total, currency = self.payment["amount_minor"], self.seller.currency
        op.money(
            event, EntityType.PAYMENT, self.payment["id"], facts, amount_minor=total, currency=currency, **columns
        )

    def pay(self, at: datetime) -> None:
        """The card is charged: the booking is confirmed and the creator's share is on its way."""
        self.payment |= {"status": PaymentStatus.SUCCEEDED, "succeeded_at": at}
        self.booking |= {"status": BookingStatus.CONFIRMED, "confirmed_at": at}
        self._charge(at)
        hear(
            self.world,
            "payment_intent.succeeded",
            dict(self.intent),
            self._confirm,
            at=at + timedelta(seconds=1.5),
        )

    def _charge(self, at: datetime) -> None:
        price, currency = self.payment["amount_minor"], self.seller.currency.lower()
        pick = self.world.chance.stripe_id
        charge_id, transfer_id, received = pick("ch"), pick("tr"), pick("py")
        common = {"amount": price, "currency": currency, "created": stamp(at)}
        fee = self.payment["platform_fee_minor"]
        self.charge = {"object": "charge", "id": charge_id, **common, "payment_intent": self.intent["id"]}
        self.charge |= {
            "transfer": transfer_id,
            "destination": self.seller.account,
            "application_fee": pick("fee"),
        }
        self.charge |= {"application_fee_amount": fee, "metadata": self.intent["metadata"]}
        self.transfer = {"object": "transfer", "id": transfer_id, **common, "destination": self.seller.account}
        self.transfer |= {"source_transaction": charge_id, "destination_payment": received}
        self.intent |= {"status": "succeeded", "amount_received": price, "latest_charge": charge_id}
        self.world.objects += [self.charge, self.transfer]
        self.world.move(self.seller, at, price, kind="payment", source=received, fee=fee, ready=at + READY_AFTER)

    def _confirm(self, op: Operation, event_id: str) -> None:
        op.log("PAYMENT_SUCCEEDED", LogActor.USER, self.buyer.id, self.money_facts() | {"userId": self.buyer.id})
        confirmed = self.money_facts() | {"userId": self.buyer.id, "previousStatus": BookingStatus.PENDING}
        confirmed |= {"newStatus": BookingStatus.CONFIRMED, "paymentIntentId": self.intent["id"]}
        confirmed |= {"confirmedVia": "payment_intent_succeeded_webhook"}
        confirmed |= {
            "dailyRoomUrl": self.booking["daily_room_url"],
            "dailyRoomName": self.booking["daily_room_name"],
        }
        confirmed |= {"callOfferId": self.offer["id"], "offerId": self.offer["id"]}
        op.log("BOOKING_CONFIRMED", LogActor.SYSTEM, None, confirmed)
        about = {"bookingId": self.booking["id"], "creatorId": self.seller.id}
        paid = {"status": PaymentStatus.SUCCEEDED, "stripe_event_id": event_id}
        self.enter(op, TransactionEventType.PAYMENT_SUCCEEDED, about, **paid)
        self._record_transfer(op, event_id)
        seen = {"paymentIntentId": self.intent["id"]}
        note(op, event_id, "payment_intent.succeeded", EntityType.PAYMENT, self.payment["id"], seen)

    def _record_transfer(self, op: Operation, event_id: str) -> None:
        row = {"id": self.world.chance.uuid(op.at), "payment_id": self.payment["id"], "reversed_minor": 0}
        row |= {"stripe_transfer_id": self.transfer["id"], "amount_minor": self.transfer["amount"]}
        self.transfer_row = self.world.books.add(
            "transfer", row | {"currency": self.seller.currency, "created_at": op.at}
        )
        facts = {"stripeTransferId": self.transfer["id"], "creatorId": self.seller.id}
        op.money(
            TransactionEventType.TRANSFER_CREATED, EntityType.TRANSFER, row["id"], facts | self._shares(),
            amount_minor=row["amount_minor"], currency=self.seller.currency, status="SUCCEEDED",
            payment_id=self.payment["id"], stripe_event_id=event_id,
        )  # fmt: skip

    def decline(self, at: datetime) -> None:
        """The card is refused; the booking waits for another try."""
        code, message = self.world.chance.pick(DECLINES)
        self.payment |= {"status": PaymentStatus.FAILED, "decline_code": code, "error_message": message}
        error = {"type": "card_error", "code": "card_declined", "decline_code": code, "message": message}
        self.intent["last_payment_error"] = error
        hear(self.world, "payment_intent.payment_failed", dict(self.intent), self._declined, at=at)

    def _declined(self, op: Operation, event_id: str) -> None:
        why = {"errorMessage": self.payment["error_message"], "declineCode": self.payment["decline_code"]}
        op.log("PAYMENT_FAILED", LogActor.USER, self.buyer.id, self.money_facts() | why)
        failed = {
            "status": PaymentStatus.FAILED,
            "error_message": why["errorMessage"],
            "stripe_event_id": event_id,
        }
        self.enter(op, TransactionEventType.PAYMENT_FAILED, why | {"bookingId": self.booking["id"]}, **failed)
        seen = {"paymentIntentId": self.intent["id"]}
        note(op, event_id, "payment_intent.payment_failed", EntityType.PAYMENT, self.payment["id"], seen)


def publish(world: World, seller: Seller, at: datetime, before: datetime) -> Facts:
    """A call for sale that begins some days after `before`."""
    starts = before + world.chance.span(DAY, 10 * DAY)
    starts = starts.replace(minute=world.chance.pick((0, 15, 30, 45)), second=0, microsecond=0)
    row: Facts = {"id": world.chance.uuid(at), "creator_id": seller.id, "title": world.chance.pick(TITLES)}
    row |= {
        "description": "Un échange en visio, en tête-à-tête.",
        "currency": seller.currency,
        "starts_at": starts,
    }
    row |= {"price_minor": seller.minor(world.chance.pick(PRICES)), "duration_minutes": world.chance.pick(LENGTHS)}
    row |= {"status": OfferStatus.AVAILABLE, "created_at": at}
    if at > world.start:
        facts = {"offerId": row["id"], "title": row["title"], "currency": seller.currency}
        facts |= {"price": amount(row["price_minor"], seller.currency), "duration": row["duration_minutes"]}
        world.operation(at).log("OFFER_CREATED", LogActor.CREATOR, seller.id, facts)
    return world.books.add("call_offer", row)


def booking_moments(world: World, count: int) -> list[datetime]:
    """When people book: more at weekends and in the evening, and a little more every week."""
    days = [world.start + n * DAY for n in range(DAYS)]
    weights = [weekday_weight(day) * (0.7 + 0.6 * n / DAYS) for n, day in enumerate(days)]
    return sorted(world.chance.moment(day) for day in world.chance.random.choices(days, weights, k=count))
