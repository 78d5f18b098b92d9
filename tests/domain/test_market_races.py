"""Two people, two clicks, two tabs, late money: one has the call, nobody pays twice or for nothing."""

import os
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.audit.actor import Actor, operation
from portal.domain.bookings.create import BookingRules, create_booking
from portal.domain.bookings.expire import expire_booking
from portal.domain.errors import BookingRefused, PaymentRefused
from portal.domain.offers.terms import OfferDraft
from portal.domain.offers.update import OfferChange, update_offer
from portal.domain.payments.closing import close_payments
from portal.domain.payments.opening import OpenPayment, open_payment
from portal.domain.work import utc_now
from portal.jobs import send_refunds
from portal.models import (
    Booking,
    BookingStatus,
    CallOffer,
    Creator,
    LogActor,
    OfferStatus,
    Payment,
    PaymentStatus,
    Refund,
    RefundStatus,
    User,
)
from portal.stripe_sandbox.faults import FaultKind
from portal.stripe_sandbox.sandbox import Sandbox
from portal.unit_of_work import unit_of_work
from tests.factories import Factory
from tests.market import booking_of, fresh, logged, money_rows, offer_of, seller

ROUNDS = int(os.environ.get("MARKET_ROUNDS", "20"))
"""Rounds of two people after one call; MARKET_ROUNDS=200 is the full size."""

RULES = BookingRules(timedelta(minutes=30), "https://rooms.test")
VISA = "pm_card_bypassPending"


class Market:
    """The marketplace's verbs, each in an operation of its own."""

    def __init__(self, app: Flask, session: Session, sandbox: Sandbox) -> None:
        self.app, self.session, self.sandbox = app, session, sandbox
        self.clock: Callable[[], datetime] = utc_now

    @property
    def gateway(self) -> Any:
        return self.app.extensions["stripe_gateway"]

    def book(self, offer: CallOffer, user: User) -> Booking:
        with self.app.app_context(), operation(), unit_of_work() as unit:
            given = {"offer_id": offer.id, "user_id": user.id, "rules": RULES, "now": self.clock()}
            return create_booking(unit, actor=actor(user), **given).booking

    def open(self, booking: Booking, user: User) -> OpenPayment:
        with self.app.app_context(), operation():
            return open_payment(
                unit_of_work,
                self.gateway,
                booking_id=str(booking.id),
                actor=actor(user),
                fee_percent=Decimal(15),
                clock=self.clock,
            )

    def expire(self, booking: Booking) -> bool:
        with self.app.app_context(), operation():
            return expire_booking(unit_of_work, self.gateway, booking_id=booking.id, clock=self.clock)

    def close(self, booking: Booking) -> bool:
        with self.app.app_context(), operation():
            return close_payments(unit_of_work, self.gateway, booking_id=booking.id, clock=self.clock)

    def cancel(self, creator: Creator, offer: CallOffer) -> None:
        from zoneinfo import ZoneInfo

        by = Actor(LogActor.CREATOR, str(creator.id), creator.user_id)
        change = OfferChange(OfferDraft(status="CANCELLED"), ZoneInfo("Europe/Paris"))
        with self.app.app_context(), operation(), unit_of_work() as unit:
            update_offer(unit, offer_id=offer.id, creator=creator, change=change, actor=by, now=self.clock())

    def let_expire(self, booking: Booking) -> None:
        """The deadline passes."""
        self.session.rollback()
        late = {"id": booking.id, "at": datetime.now(UTC) - timedelta(seconds=1)}
        self.session.execute(text("update booking set expires_at = :at where id = :id"), late)
        self.session.commit()

    def payments(self) -> list[Payment]:
        self.session.rollback()
        query = select(Payment).order_by(Payment.created_at, Payment.n)
        return list(self.session.scalars(query.execution_options(populate_existing=True)))

    def charges(self) -> list[Any]:
        return [e["data"]["object"] for e in self.sandbox.events() if e["type"] == "charge.succeeded"]


def actor(user: User) -> Actor:
    return Actor(LogActor.USER, str(user.id), user.id, user.name, user.email)


@pytest.fixture
def market(app: Flask, session: Session, sandbox: Sandbox) -> Market:
    return Market(app, session, sandbox)


@pytest.fixture
def zoe(factory: Factory) -> Creator:
    return seller(factory)


@pytest.fixture
def paul(factory: Factory) -> User:
    return factory.user()


@pytest.fixture
def hear(deliver: Any, process: Any) -> Callable[[], None]:
    def both() -> None:
        deliver()
        process()

    return both


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """What each act gave or raised, all of them begun together."""
    barrier = Barrier(len(acts))

    def one(act: Callable[[], Any]) -> Any:
        barrier.wait()
        try:
            return act()
        except (BookingRefused, PaymentRefused) as refusal:
            return refusal

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(one, acts))


def test_two_people_after_one_call_one_has_it_and_nobody_is_charged_for_nothing(
    market: Market, factory: Factory, zoe: Creator, hear: Any, app: Flask
) -> None:
    chance = random.Random(20_26)
    both = [factory.user(), factory.user()]
    for _ in range(ROUNDS):
        one_round(market, offer_of(factory, zoe), zoe, both, chance.choice(("none", "deadline", "creator")), hear)
    for _ in range(1 + ROUNDS // 50):  # the sender takes fifty at a time
        send_refunds.tick(app)
        hear()
    check_everybody(market)


def one_round(
    market: Market, offer: CallOffer, zoe: Creator, both: list[User], disturbance: str, hear: Callable[[], None]
) -> None:
    """Both book at once; who has the call pays, sometimes just as the deadline passes or the creator cancels."""
    results = at_once(*(partial(market.book, offer, user) for user in both))
    [booking] = [found for found in results if isinstance(found, Booking)]
    [refusal] = [found for found in results if isinstance(found, BookingRefused)]
    assert refusal.facts["reason"] == "taken"
    winner, other = both if both[0].id == booking.user_id else both[::-1]
    acts: list[Callable[[], Any]] = [partial(pay, market, market.open(booking, winner).client_secret)]
    if disturbance == "deadline":
        market.let_expire(booking)
        acts.append(partial(market.expire, booking))
    elif disturbance == "creator":
        acts.append(partial(market.cancel, zoe, offer))
    at_once(*acts)
    if fresh(market.session, offer).status is OfferStatus.AVAILABLE:
        pay(market, market.open(market.book(offer, other), other).client_secret)
    hear()
    market.close(booking)


def pay(market: Market, secret: str) -> str:
    """The payer's browser; Stripe refuses what was cancelled."""
    from portal.stripe_sandbox.refusals import Refusal

    try:
        return str(market.sandbox.pay(secret, VISA)["status"])
    except Refusal:
        return "refused"


def check_everybody(market: Market) -> None:
    """Whoever was charged has the call or the money back; no call was sold twice."""
    session = market.session
    session.rollback()
    live: dict[Any, int] = {}
    for booking in session.scalars(select(Booking).execution_options(populate_existing=True)):
        if booking.status is BookingStatus.CONFIRMED:
            live[booking.call_offer_id] = live.get(booking.call_offer_id, 0) + 1
    assert all(count == 1 for count in live.values())
    charged = {charge["payment_intent"]: charge for charge in market.charges()}
    assert len(charged) == len(market.charges())
    for payment in market.payments():
        booking = session.get_one(Booking, payment.booking_id)
        refunds = session.scalars(select(Refund).where(Refund.payment_id == payment.id)).all()
        if payment.stripe_payment_intent_id not in charged:
            assert payment.status is not PaymentStatus.SUCCEEDED
            assert booking.status is not BookingStatus.CONFIRMED
        elif booking.status is BookingStatus.CONFIRMED:
            assert (payment.status, list(refunds)) == (PaymentStatus.SUCCEEDED, [])
        else:
            assert [r.amount_minor for r in refunds if r.status is RefundStatus.SUCCEEDED] == [
                payment.amount_minor
            ]
    assert charged


def test_clicking_pay_four_times_at_once_makes_one_intent(
    market: Market, factory: Factory, zoe: Creator, paul: User
) -> None:
    booking = booking_of(factory, offer_of(factory, zoe), paul)
    opened = at_once(*(lambda: market.open(booking, paul) for _ in range(4)))
    assert {found.intent_id for found in opened} == {market.payments()[0].stripe_payment_intent_id}
    assert len({found.client_secret for found in opened}) == 1
    assert len(market.payments()) == 1
    assert len(logged(market.session, "PAYMENT_INITIATED")) == 1
    assert [row.event_type for row in money_rows(market.session)] == ["PAYMENT_CREATED"]
    made = [e for e in market.sandbox.events() if e["type"] == "payment_intent.created"]
    assert len(made) == 1


@pytest.mark.parametrize("kind", [FaultKind.DROP_AFTER, FaultKind.SERVER_ERROR_SAVED, FaultKind.TRUNCATED_BODY])
def test_an_unknown_outcome_is_asked_again_with_the_same_key(
    market: Market, factory: Factory, zoe: Creator, paul: User, kind: FaultKind
) -> None:
    booking = booking_of(factory, offer_of(factory, zoe), paul)
    market.sandbox.faults.add(kind=kind, method="POST", path="/v1/payment_intents", times=1)
    with pytest.raises(PaymentRefused) as refusal:
        market.open(booking, paul)
    assert refusal.value.status == 503
    [payment] = market.payments()
    assert (payment.status, payment.stripe_payment_intent_id) == ("PENDING", None)
    assert payment.idempotency_key == f"cs-pi:{booking.id}:1"
    if kind is not FaultKind.SERVER_ERROR_SAVED:
        assert market.open(booking, paul).intent_id
        made = [e for e in market.sandbox.events() if e["type"] == "payment_intent.created"]
        assert len(made) == 1
    assert len(market.payments()) == 1


def test_what_was_frozen_is_sent_again_whatever_changed_meanwhile(
    market: Market, factory: Factory, zoe: Creator, paul: User
) -> None:
    """Other parameters under the same key would be refused."""
    offer = offer_of(factory, zoe)
    booking = booking_of(factory, offer, paul)
    market.sandbox.faults.add(kind=FaultKind.DROP_AFTER, method="POST", path="/v1/payment_intents", times=1)
    with pytest.raises(PaymentRefused):
        market.open(booking, paul)
    market.session.execute(text("update call_offer set price_minor = 99999"))
    market.session.commit()
    assert market.open(booking, paul).amount == 100


def test_a_refused_creation_is_tried_anew_with_the_next_key(
    market: Market, factory: Factory, zoe: Creator, paul: User
) -> None:
    booking = booking_of(factory, offer_of(factory, zoe), paul)
    account, zoe.stripe_account_id = zoe.stripe_account_id, "acct_gone"
    factory.session.commit()
    with pytest.raises(PaymentRefused) as refusal:
        market.open(booking, paul)
    assert refusal.value.status == 409
    zoe.stripe_account_id = account
    factory.session.commit()
    assert market.open(booking, paul).intent_id
    assert [(p.n, p.status, p.idempotency_key) for p in market.payments()] == [
        (1, "FAILED", f"cs-pi:{booking.id}:1"),
        (2, "PENDING", f"cs-pi:{booking.id}:2"),
    ]
    failed = [row for row in money_rows(market.session) if row.event_type == "PAYMENT_FAILED"]
    assert [row.details["errorCode"] for row in failed] == ["resource_missing"]


def test_an_unpaid_booking_expires_and_its_intent_cannot_be_paid(
    market: Market, factory: Factory, zoe: Creator, paul: User
) -> None:
    offer = offer_of(factory, zoe)
    booking = market.book(offer, paul)
    secret = market.open(booking, paul).client_secret
    assert market.expire(booking) is False
    assert [p.status for p in market.payments()] == [PaymentStatus.PENDING]
    market.let_expire(booking)
    with pytest.raises(PaymentRefused) as refusal:
        market.open(booking, paul)
    assert refusal.value.event == "PAYMENT_INTENT_BOOKING_CLOSED"
    assert market.expire(booking) is True
    assert pay(market, secret) == "refused"
    assert (fresh(market.session, booking).status, fresh(market.session, offer).status) == (
        "CANCELLED",
        "AVAILABLE",
    )
    assert [p.status for p in market.payments()] == [PaymentStatus.CANCELED]
    [row] = logged(market.session, "BOOKING_EXPIRED")
    assert (row.actor, row.actor_id, row.details["newStatus"]) == ("SYSTEM", None, "CANCELLED")
    assert market.book(offer, factory.user()).id != booking.id


def test_paid_in_the_moment_it_expires_a_booking_is_confirmed(
    market: Market, factory: Factory, zoe: Creator, paul: User, hear: Any
) -> None:
    booking = market.book(offer_of(factory, zoe), paul)
    pay(market, market.open(booking, paul).client_secret)
    market.let_expire(booking)
    assert market.expire(booking) is False
    assert fresh(market.session, booking).status is BookingStatus.CONFIRMED
    hear()
    [row] = logged(market.session, "BOOKING_CONFIRMED")
    assert row.details["confirmedVia"] == "payment_intent_read_at_closing"
    assert len(logged(market.session, "PAYMENT_SUCCEEDED")) == 1


@pytest.mark.parametrize("kind", [FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER, FaultKind.RATE_LIMITED])
def test_while_stripe_does_not_say_a_booking_stays(
    market: Market, factory: Factory, zoe: Creator, paul: User, kind: FaultKind
) -> None:
    booking = market.book(offer_of(factory, zoe), paul)
    market.open(booking, paul)
    market.let_expire(booking)
    market.sandbox.faults.add(kind=kind, method="POST", path="/v1/payment_intents/*/cancel", times=1)
    assert market.expire(booking) is False
    assert fresh(market.session, booking).status is BookingStatus.PENDING
    assert market.expire(booking) is True


def test_an_intent_that_nobody_was_told_of_does_not_keep_a_booking(
    market: Market, factory: Factory, zoe: Creator, paul: User
) -> None:
    booking = market.book(offer_of(factory, zoe), paul)
    market.sandbox.faults.add(kind=FaultKind.DROP_AFTER, method="POST", path="/v1/payment_intents", times=1)
    with pytest.raises(PaymentRefused):
        market.open(booking, paul)
    market.let_expire(booking)
    assert market.expire(booking) is True
    assert [p.status for p in market.payments()] == [PaymentStatus.CANCELED]


def test_late_money_goes_back_when_somebody_else_has_the_call(
    market: Market, factory: Factory, zoe: Creator, paul: User, hear: Any, app: Flask
) -> None:
    """His booking ended, hers is confirmed, then Stripe says that he had paid."""
    offer, anna = offer_of(factory, zoe), factory.user()
    first = market.book(offer, paul)
    pay(market, market.open(first, paul).client_secret)
    market.session.execute(text("update booking set status = 'CANCELLED', ended_at = now()"))
    market.session.execute(text("update call_offer set status = 'AVAILABLE'"))
    market.session.commit()
    second = market.book(offer, anna)
    pay(market, market.open(second, anna).client_secret)
    hear()
    assert (fresh(market.session, first).status, fresh(market.session, second).status) == (
        "CANCELLED",
        "CONFIRMED",
    )
    send_refunds.tick(app)
    hear()
    his, hers = market.payments()
    assert (his.status, hers.status) == (PaymentStatus.REFUNDED, PaymentStatus.SUCCEEDED)
    [row] = logged(market.session, "REFUND_INITIATED")
    assert (row.actor, row.details["reason"]) == ("SYSTEM", "Paiement reçu après la fin de la réservation")


def test_success_delivered_twice_counts_once(
    market: Market, factory: Factory, zoe: Creator, paul: User, deliver: Any, process: Any
) -> None:
    booking = market.book(offer_of(factory, zoe), paul)
    pay(market, market.open(booking, paul).client_secret)
    deliver(copies=3)
    process()
    deliver(copies=2)
    process()
    assert len(logged(market.session, "BOOKING_CONFIRMED")) == 1
    assert len([r for r in money_rows(market.session) if r.event_type == "PAYMENT_SUCCEEDED"]) == 1


def test_an_answer_lost_after_creation_is_matched_by_our_own_id(
    market: Market, factory: Factory, zoe: Creator, paul: User, hear: Any
) -> None:
    booking = market.book(offer_of(factory, zoe), paul)
    pay(market, market.open(booking, paul).client_secret)
    market.session.execute(text("update payment set stripe_payment_intent_id = null"))
    market.session.commit()
    hear()
    assert fresh(market.session, booking).status is BookingStatus.CONFIRMED
    assert market.payments()[0].stripe_payment_intent_id is not None


def test_the_job_expires_and_closes(
    market: Market, factory: Factory, zoe: Creator, paul: User, app: Flask
) -> None:
    from portal.audit.actor import SYSTEM
    from portal.queries.job_search import find_run
    from portal.unit_of_work import reading

    unpaid, paid_for = market.book(offer_of(factory, zoe), paul), market.book(offer_of(factory, zoe), paul)
    market.open(unpaid, paul)
    market.let_expire(unpaid)
    offer = market.session.get_one(CallOffer, paid_for.call_offer_id)
    secret = market.open(paid_for, paul).client_secret
    market.cancel(zoe, offer)
    with app.app_context():
        run_id = app.extensions["jobs"].run_now("expire-bookings", SYSTEM, wait=True)
        run = find_run(reading(), run_id)
        assert run is not None
        assert (run.state, run.summary) == ("SUCCEEDED", {"expired": 1, "closed": 1, "kept": 0, "errors": []})
    assert pay(market, secret) == "refused"
    assert {p.status for p in market.payments()} == {PaymentStatus.CANCELED}
