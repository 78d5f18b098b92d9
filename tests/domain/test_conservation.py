"""Whatever is sold, refunded, disputed and paid out: what was charged is somewhere, in our books and at Stripe."""

import os
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.domain.errors import DomainError
from portal.models import (
    Booking,
    CallOffer,
    Creator,
    Dispute,
    Payment,
    Payout,
    PayoutStatus,
    Refund,
    RefundStatus,
    User,
)
from portal.stripe_sandbox.refusals import Refusal
from portal.stripe_sandbox.sandbox import Sandbox
from tests.domain.acts import Acts
from tests.factories import Factory
from tests.sales import Sales

EXAMPLES = int(os.environ.get("CONSERVATION_EXAMPLES", "6"))
"""How many histories are played; each is a dozen steps, most of which talk to Stripe."""

LEFT = (PayoutStatus.PROCESSING, PayoutStatus.PAID)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("sell"), st.integers(50, 99_999)),
        st.tuples(st.just("refund"), st.integers(1, 100)),
        st.tuples(st.just("lose the answer of a refund"), st.integers(1, 100)),
        st.tuples(st.just("fail a refund"), st.just(0)),
        st.tuples(st.just("dispute"), st.just(0)),
        st.tuples(st.sampled_from(["win", "lose"]), st.just(0)),
        st.tuples(st.just("pay out"), st.integers(1, 100)),
        st.tuples(st.sampled_from(["arrive", "bounce"]), st.just(0)),
        st.tuples(st.just("hear"), st.just(0)),
    ),
    min_size=3,
    max_size=14,
)


class World:
    """Two people selling in two currencies, everything that happens to their money, and both books of it."""

    def __init__(self, app: Flask, session: Session, sandbox: Sandbox, deliver: Any, process: Any) -> None:
        self.session, self.sandbox, self.deliver, self.process = session, sandbox, deliver, process
        self.sales, self.acts = Sales(app, session), Acts(app, session)
        factory = Factory(session, sandbox)
        self.admin: User = factory.admin()
        self.buyer: User = factory.user()
        self.creators = [factory.creator(balance_minor=0, currency=code) for code in ("EUR", "JPY")]

    def play(self, steps: list[tuple[str, int]]) -> None:
        for n, (what, number) in enumerate(steps):
            try:
                self._play(what, number, self.creators[n % 2])
            except DomainError:
                continue  # a rule said no: nothing may have moved
        self.hear()
        self.sales.sweep()
        self.hear()

    def _play(self, what: str, number: int, creator: Creator) -> None:
        payments = list(self._all(Payment))
        if what == "sell":
            self.sales.sell(creator, self.buyer, number)
        elif what == "hear":
            self.hear()
        elif what == "pay out":
            self._pay_out(creator, number)
        elif what in {"arrive", "bounce"}:
            for payout in self._all(Payout):
                if payout.status is PayoutStatus.PROCESSING:
                    self.sandbox.settle(payout.stripe_payout_id or "", "paid" if what == "arrive" else "failed")
        elif payments:
            self._complain(what, number, payments[number % len(payments)])

    def _complain(self, what: str, number: int, payment: Payment) -> None:
        part = max(1, payment.amount_minor * number // 100)
        typed = str(part) if payment.currency == "JPY" else f"{part / 100:.2f}"
        disputes = [d for d in self._all(Dispute) if d.closed_at is None]
        if what == "refund":
            self.sales.give_back(payment, self.admin, typed)
        elif what == "lose the answer of a refund":
            refund = self.sales.ask_back(payment, self.admin, typed)
            self.sandbox.faults.add("drop_after", method="POST", path="/v1/refunds", times=1)
            self.sales.send(refund)
            self.sandbox.faults.clear()
        elif what == "fail a refund":
            done = [
                r for r in self._all(Refund) if r.status is RefundStatus.SUCCEEDED and r.failure_reason is None
            ]
            if done and not self._disputed(done[0].payment_id):
                self.sandbox.fail_refund(done[0].stripe_refund_id or "")
                self.hear()
        elif what == "dispute" and payment.id not in {d.payment_id for d in self._all(Dispute)}:
            self.sandbox.open_dispute(self.sales.charge(payment))
            self.hear()
        elif what in {"win", "lose"} and disputes:
            with suppress(Refusal):  # the bank has decided, and the portal has not heard of it yet
                self.sandbox.decide_dispute(disputes[0].stripe_dispute_id, "won" if what == "win" else "lost")

    def _disputed(self, payment_id: Any) -> bool:
        return payment_id in {d.payment_id for d in self._all(Dispute)}

    def _pay_out(self, creator: Creator, share: int) -> None:
        available, _ = self.sandbox.balance(creator.stripe_account_id or "").get(creator.currency.lower(), (0, 0))
        part = available * share // 100
        typed = str(part) if creator.currency == "JPY" else f"{part / 100:.2f}"
        self.acts.approve(self.admin, self.acts.request(creator, typed, currency=creator.currency).payout.id)

    def hear(self) -> None:
        self.deliver(copies=2, order="random", seed=5)
        self.process()

    def _all(self, model: Any) -> list[Any]:
        self.session.rollback()
        return list(self.session.scalars(select(model).execution_options(populate_existing=True)))

    def owed(self) -> Counter[Any]:
        """What our own books say each account holds, in minor units."""
        holds: Counter[Any] = Counter()
        sold = self.session.execute(
            select(Payment, CallOffer.creator_id)
            .join(Booking, Booking.id == Payment.booking_id)
            .join(CallOffer, CallOffer.id == Booking.call_offer_id)
        ).all()
        made = [r for r in self._all(Refund) if r.stripe_refund_id is not None]
        for payment, creator_id in sold:
            holds[creator_id] += payment.creator_amount_minor
            holds[payment.currency] += payment.platform_fee_minor
            for refund in (r for r in made if r.payment_id == payment.id):
                fee_back = payment.platform_fee_minor * refund.amount_minor // payment.amount_minor
                holds[creator_id] -= refund.amount_minor - fee_back
                holds[payment.currency] -= fee_back
                if refund.status is RefundStatus.FAILED:
                    holds[payment.currency] += refund.amount_minor  # Stripe returns it to the platform
        for payout in self._all(Payout):
            holds[payout.creator_id] -= payout.amount_minor if payout.status in LEFT else 0
        for dispute in self._all(Dispute):
            holds[dispute.currency] -= dispute.withdrawn_minor
        return holds

    def held(self) -> Counter[Any]:
        """What Stripe says each account holds; its own fees are given back to the platform to compare."""
        holds: Counter[Any] = Counter()
        for creator in self._all(Creator):
            for ready, pending in self.sandbox.balance(creator.stripe_account_id).values():
                holds[creator.id] += ready + pending
        for currency, (ready, pending) in self.sandbox.balance("").items():
            holds[currency.upper()] += ready + pending
        for row in self.sandbox.ledger("")["balance_transactions"]:
            holds[row["currency"].upper()] += row["fee"]
        return holds


@pytest.mark.usefixtures("context")
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # histories follow each other on one database: none can be cut shorter afterwards
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_what_was_charged_is_somewhere(
    app: Flask, session: Session, sandbox: Sandbox, deliver: Any, process: Any, steps: list[tuple[str, int]]
) -> None:
    world = World(app, session, sandbox, deliver, process)
    world.play(steps)
    owed, held = world.owed(), world.held()
    assert {key: value for key, value in owed.items() if value} == {key: v for key, v in held.items() if v}
    assert [r.id for r in world._all(Refund) if r.status is RefundStatus.PENDING] == []
