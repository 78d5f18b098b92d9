"""Automatic payouts: the whole balance once a business period, every reason for not paying in a word."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.audit.actor import Actor, operation
from portal.domain.payouts.pause import pause_sending
from portal.domain.payouts.rounds import Handled, Outcome, Reason, Round, due_creators, period_key
from portal.domain.payouts.schedule import pay_on_schedule, payable_minor
from portal.domain.work import utc_now
from portal.models import Creator, LogActor, Payout, PayoutRoute, PayoutSchedule, PayoutSource, PayoutStatus, uuid7
from portal.unit_of_work import unit_of_work
from tests.domain.acts import Acts
from tests.factories import Factory

SUNDAY = date(2026, 11, 22)
Pay = Callable[..., Handled]


@pytest.fixture
def pay(app: Flask) -> Pay:
    """Let the schedule pay one creator, in an operation of its own."""

    def act(creator: Creator, *, day: date = SUNDAY, limit: int = 100_000) -> Handled:
        round = Round(uuid7(), day, Decimal(limit))
        with app.app_context(), operation():
            gateway = app.extensions["stripe_gateway"]
            return pay_on_schedule(unit_of_work, gateway, creator_id=creator.id, round=round, clock=utc_now)

    return act


@pytest.fixture
def daily(factory: Factory) -> Callable[..., Creator]:
    """A creator who is paid every day."""
    return lambda **given: factory.creator(**{"payout_schedule": PayoutSchedule.DAILY, **given})


def only_payout(session: Session) -> Payout:
    session.rollback()
    return session.scalars(select(Payout).execution_options(populate_existing=True)).one()


@pytest.mark.parametrize(
    ("schedule", "day", "key"),
    [
        (PayoutSchedule.DAILY, date(2026, 11, 22), "2026-11-22"),
        (PayoutSchedule.DAILY, date(2024, 2, 29), "2024-02-29"),
        (PayoutSchedule.WEEKLY, date(2026, 11, 22), "2026-W47"),
        (PayoutSchedule.WEEKLY, date(2021, 1, 3), "2020-W53"),
        (PayoutSchedule.WEEKLY, date(2026, 12, 31), "2026-W53"),
        (PayoutSchedule.MONTHLY, date(2026, 11, 30), "2026-11"),
        (PayoutSchedule.MANUAL, date(2026, 11, 30), None),
    ],
)
def test_a_period_is_named_by_its_day_week_or_month(schedule: PayoutSchedule, day: date, key: str | None) -> None:
    assert period_key(schedule, day) == key


def test_the_whole_balance_is_sent_at_once_within_the_limit(
    pay: Pay, daily: Any, session: Session, acts: Acts
) -> None:
    creator = daily(balance_minor=12_345)
    handled = pay(creator)
    payout = only_payout(session)
    assert (handled.reason, handled.outcome, handled.payout_id) == (Reason.SENT, Outcome.SUCCEEDED, payout.id)
    assert (payout.amount_minor, payout.status, payout.route) == (
        12_345,
        PayoutStatus.PROCESSING,
        PayoutRoute.AUTO,
    )
    assert (payout.source, payout.period_key) == (PayoutSource.JOB, "2026-11-22")
    assert acts.types() == [
        "PAYOUT_REQUEST_INITIATED",
        "PAYOUT_REQUEST_STRIPE_VERIFICATION",
        "PAYOUT_REQUEST_BALANCE_CHECK",
        "PAYOUT_REQUEST_STRIPE_CREATION",
        "PAYOUT_REQUEST_STRIPE_CREATION_SUCCESS",
        "PAYOUT_REQUESTED",
        "PAYOUT_PROCESSING",
    ]
    assert acts.last("PAYOUT_REQUESTED").details["triggeredBy"] == "job"


def test_above_the_limit_an_admin_decides(pay: Pay, daily: Any, session: Session, factory: Factory) -> None:
    handled = pay(daily(balance_minor=10_001), limit=100)
    payout = only_payout(session)
    assert (handled.reason, payout.status, payout.route) == (
        Reason.TO_REVIEW, PayoutStatus.REQUESTED, PayoutRoute.REVIEW,
    )  # fmt: skip
    assert factory.sandbox.ledger()["payouts"] == []


def test_a_period_is_paid_once_and_the_next_one_again(pay: Pay, daily: Any, factory: Factory) -> None:
    creator = daily()
    assert pay(creator).reason is Reason.SENT
    factory.sandbox.fund(creator.stripe_account_id or "", 5_000, "eur")
    assert pay(creator).reason is Reason.ALREADY_PAID
    assert pay(creator, day=date(2026, 11, 23)).reason is Reason.SENT
    assert [payout["amount"] for payout in factory.sandbox.ledger()["payouts"]] == [100_000, 5_000]


def test_many_runs_at_once_pay_a_creator_once(pay: Pay, daily: Any, factory: Factory) -> None:
    creator = daily()
    with ThreadPoolExecutor(6) as pool:
        reasons = [handled.reason for handled in pool.map(lambda _: pay(creator), range(6))]
    assert reasons.count(Reason.SENT) == 1
    assert set(reasons) <= {Reason.SENT, Reason.ALREADY_PAID, Reason.OPEN_PAYOUT}
    assert len(factory.sandbox.ledger()["payouts"]) == 1


def test_a_low_balance_is_told_once_a_period(pay: Pay, daily: Any, acts: Acts) -> None:
    creator = daily(balance_minor=900, payout_minimum_minor=1_000)
    for _ in range(3):
        assert pay(creator).reason is Reason.BALANCE_LOW
    assert acts.types().count("PAYOUT_BALANCE_LOW") == 1
    row = acts.last("PAYOUT_BALANCE_LOW")
    assert (row.details["availableBalance"], row.details["requestedAmount"]) == (9, 10)
    pay(creator, day=date(2026, 11, 23))
    assert acts.types().count("PAYOUT_BALANCE_LOW") == 2


def test_the_minimum_itself_is_paid(pay: Pay, daily: Any) -> None:
    assert pay(daily(balance_minor=1_000, payout_minimum_minor=1_000)).reason is Reason.SENT


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"account": False}, Reason.NO_ACCOUNT),
        ({"is_payout_blocked": True, "payout_block_reason": "Litiges en cours"}, Reason.BLOCKED),
        ({"payout_schedule": PayoutSchedule.MANUAL}, Reason.NOT_SCHEDULED),
    ],
)
def test_what_the_portal_knows_to_stand_in_the_way_asks_stripe_nothing(
    pay: Pay, daily: Any, acts: Acts, given: dict[str, Any], reason: Reason
) -> None:
    handled = pay(daily(**given))
    assert (handled.reason, handled.outcome) == (reason, Outcome.SKIPPED)
    assert acts.types() == []


def test_paused_sending_skips_everybody(pay: Pay, daily: Any, app: Flask, session: Session) -> None:
    creator = daily()
    with app.app_context(), operation(), unit_of_work() as unit:
        pause_sending(unit, reason="Contrôle en cours", actor=Actor(LogActor.ADMIN), now=utc_now())
    assert pay(creator).reason is Reason.SENDING_PAUSED
    assert session.scalars(select(Payout)).all() == []


def test_an_open_payout_of_the_creator_comes_first(pay: Pay, daily: Any, acts: Acts) -> None:
    creator = daily()
    acts.request(creator)
    assert pay(creator).reason is Reason.OPEN_PAYOUT


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"currently_due": ["individual.verification.document"]}, Reason.IDENTITY),
        ({"payouts_enabled": False}, Reason.BANK),
        ({"bank_status": "errored"}, Reason.BANK),
    ],
)
def test_what_stripe_knows_to_stand_in_the_way_is_refused_and_logged(
    pay: Pay, daily: Any, factory: Factory, acts: Acts, change: dict[str, Any], reason: Reason
) -> None:
    creator = daily()
    factory.sandbox.change_account(creator.stripe_account_id or "", **change)
    assert pay(creator).reason is reason
    assert acts.last(acts.types()[-1]).details["runId"]


def test_stripe_in_trouble_is_a_failure_not_a_refusal(pay: Pay, daily: Any, factory: Factory) -> None:
    factory.sandbox.faults.add("server_error", path="/v1/balance", times=1)
    handled = pay(daily())
    assert (handled.reason, handled.outcome) == (Reason.STRIPE_ERROR, Outcome.FAILED)


@pytest.mark.parametrize(("fault", "reason"), [("bad_request", Reason.REFUSED), ("server_error", Reason.UNKNOWN)])
def test_a_sending_that_goes_wrong_is_counted_as_what_it_is(
    pay: Pay, daily: Any, factory: Factory, fault: str, reason: Reason
) -> None:
    factory.sandbox.faults.add(fault, method="POST", path="/v1/payouts", times=1)
    assert pay(daily()).reason is reason


def test_a_block_while_stripe_is_asked_is_seen_on_the_locked_creator(
    pay: Pay, daily: Any, app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    creator, gateway = daily(), app.extensions["stripe_gateway"]
    asked = gateway.retrieve_balance

    def block_meanwhile(account: str) -> Any:
        session.execute(text("update creator set is_payout_blocked = true, payout_block_reason = 'Litige'"))
        session.commit()
        return asked(account)

    monkeypatch.setattr(gateway, "retrieve_balance", block_meanwhile)
    assert pay(creator).reason is Reason.BLOCKED


def test_who_is_due_has_a_schedule_and_no_payout_in_the_period(
    app: Flask, pay: Pay, factory: Factory, session: Session
) -> None:
    weekly = factory.creator(payout_schedule=PayoutSchedule.WEEKLY)
    monthly = factory.creator(payout_schedule=PayoutSchedule.MONTHLY)
    factory.creator()
    pay(weekly)
    for day, due in ((SUNDAY, [monthly.id]), (date(2026, 11, 23), [weekly.id, monthly.id])):
        assert list(due_creators(session, day=day)) == due


@pytest.mark.parametrize(
    ("left", "currency", "minor"),
    [(12_345, "EUR", 12_345), (12_345, "HUF", 12_300), (-5, "EUR", 0), (10**12, "EUR", 99_999_999)],
)
def test_a_payout_holds_what_stripe_takes(left: int, currency: str, minor: int) -> None:
    assert payable_minor(left, currency) == minor
