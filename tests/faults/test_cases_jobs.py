"""Cases 3, 21 and 22 of the payout specification: the job beside forms and itself, and days without events."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.audit.actor import SYSTEM, operation
from portal.domain.payouts.rounds import Round
from portal.domain.payouts.schedule import pay_on_schedule
from portal.domain.work import utc_now
from portal.jobs.desk import JOBS, Desk
from portal.jobs.process_payouts import day_of
from portal.models import Creator, JobRun, PayoutSchedule, RunState, uuid7
from portal.models import PayoutStatus as S
from portal.stripe_gateway import Stripe
from portal.stripe_sandbox import SandboxSettings
from portal.stripe_sandbox.sandbox import Sandbox
from portal.stripe_sandbox.server import RunningSandbox
from portal.unit_of_work import unit_of_work
from tests.factories import Factory
from tests.faults.acts import Verbs, at_once
from tests.faults.killer import Killer
from tests.faults.moments import SharedClock
from tests.faults.oracle import Books, assert_books_agree, duplicates

PAY, RECONCILE = "process-payouts", "reconcile-stripe"
LIMIT = Decimal(10_000)
SENT_BY_THE_JOB = [
    "PAYOUT_REQUEST_STRIPE_CREATION",
    "PAYOUT_REQUEST_STRIPE_CREATION_SUCCESS",
    "PAYOUT_REQUESTED",
    "PAYOUT_PROCESSING",
]


@pytest.fixture
def daily(factory: Factory, change_settings: Any) -> Any:
    """Creators who are paid every day, within the limit of automatic approval."""
    change_settings(payout_auto_approve_limit=LIMIT)
    return lambda n=1: [factory.creator(payout_schedule=PayoutSchedule.DAILY) for _ in range(n)]


def run_now(app: Flask, job: str) -> None:
    with app.app_context():
        Desk(app).run_now(job, SYSTEM, wait=True)


@pytest.mark.parametrize("_", range(3))
def test_case_03_the_form_and_the_job_at_once_make_one_payout(
    acts: Verbs, app: Flask, daily: Any, sandbox: Sandbox, _: int
) -> None:
    [creator] = daily()
    done = at_once(lambda: acts.request(creator, "600"), lambda: run_now(app, PAY))
    [payout] = Books(acts.session).payouts
    if done[0] == "done":
        assert_books_agree(acts.session, sandbox, payout, S.REQUESTED, reserved=60_000)
    else:
        assert_books_agree(acts.session, sandbox, payout, S.PROCESSING, rows=SENT_BY_THE_JOB)
    assert sandbox.balance(creator.stripe_account_id or "")["eur"][0] >= 0


def test_case_03_the_form_sent_while_the_job_asks_stripe_comes_first(
    acts: Verbs, app: Flask, daily: Any, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job has seen the balance, then the form is recorded: the locked creator says no to the job."""
    [creator] = daily()
    balance = Stripe.retrieve_balance

    def overtaken(gateway: Stripe, account: str) -> Any:
        found = balance(gateway, account)
        monkeypatch.setattr(Stripe, "retrieve_balance", balance)
        acts.request(creator, "600")
        return found

    monkeypatch.setattr(Stripe, "retrieve_balance", overtaken)
    run_now(app, PAY)
    [payout] = Books(acts.session).payouts
    assert_books_agree(acts.session, sandbox, payout, S.REQUESTED, reserved=60_000)
    assert acts.session.scalars(select(JobRun)).one().summary["reasons"] == {"open_payout": 1}


@pytest.fixture
def slow_bank(app: Flask, tmp_path: Path) -> Iterator[tuple[Sandbox, SharedClock]]:
    """A Stripe whose clock a test moves."""
    clock = SharedClock()
    with RunningSandbox(SandboxSettings(path=tmp_path / "slow.sqlite3", clock=clock), worker=False) as running:
        app.extensions["stripe_gateway"] = Stripe(
            "sk_test_sandbox", api_base=running.url, timeout=timedelta(seconds=20)
        )
        yield running.sandbox, clock


@pytest.mark.parametrize("ends", [("paid",), ("failed",), ("paid", "failed")])
def test_case_21_four_days_without_the_endpoint_are_made_up_for(
    acts: Verbs,
    app: Flask,
    admin: Any,
    session: Session,
    slow_bank: tuple[Sandbox, SharedClock],
    process: Any,
    ends: tuple[str, ...],
) -> None:
    sandbox, clock = slow_bank
    run_now(app, RECONCILE)
    session.execute(text("update job_run set started_at = started_at - interval '4 days 1 hour'"))
    session.commit()
    clock.move(days=-4)
    payout = acts.request(Factory(session, sandbox).creator()).payout
    acts.approve(admin, payout.id)
    for outcome in ends:
        sandbox.settle(acts.payout(payout.id).stripe_payout_id or "", outcome)
    sandbox.deliver(lambda *_: 503)
    clock.move(days=4)
    session.execute(text("update payout set next_check_at = now() + interval '1 hour'"))  # by events alone
    session.commit()
    run_now(app, RECONCILE)
    process()
    expected = S.PAID if ends == ("paid",) else S.FAILED
    assert_books_agree(session, sandbox, payout, expected, rows=["PAYOUT_PROCESSING", f"PAYOUT_{expected}"])
    run_now(app, RECONCILE)
    process()
    assert acts.types().count(f"PAYOUT_{expected}") == 1


def test_case_21_an_answer_and_its_events_lost_for_days_are_found(
    acts: Verbs, app: Flask, admin: Any, session: Session, slow_bank: tuple[Sandbox, SharedClock], process: Any
) -> None:
    sandbox, clock = slow_bank
    payout = acts.request(Factory(session, sandbox).creator()).payout
    sandbox.faults.add("drop_after", method="POST", path="/v1/payouts", times=1)
    acts.approve(admin, payout.id)
    sandbox.deliver(lambda *_: 503)
    clock.move(days=4)
    sandbox.advance()
    acts.sweep("96 hours")
    run_now(app, RECONCILE)
    process()
    assert_books_agree(session, sandbox, payout, (S.PROCESSING, S.PAID), settled=False)
    assert len(sandbox.ledger()["payouts"]) == 1


def paid_once(acts: Verbs, sandbox: Sandbox, creators: list[Creator]) -> None:
    """Everybody is paid, and nobody twice."""
    ledger, books = sandbox.ledger(), Books(acts.session)
    assert duplicates(ledger) == []
    paid = Counter(row["account"] for row in ledger["payouts"])
    assert paid == {creator.stripe_account_id: 1 for creator in creators}
    for payout in books.payouts:
        assert_books_agree(acts.session, sandbox, payout, S.PROCESSING, rows=SENT_BY_THE_JOB)


def test_case_22_the_job_twice_in_parallel_pays_everybody_once(
    acts: Verbs, app: Flask, daily: Any, sandbox: Sandbox
) -> None:
    creators = daily(8)
    done = at_once(*[lambda: run_now(app, PAY)] * 2, *[lambda: Desk(app).tick(PAY)] * 2)
    assert "done" in done
    paid_once(acts, sandbox, creators)


@pytest.mark.parametrize("point", ["C4", "C6", "C8"])
def test_case_22_the_job_killed_midway_goes_on_and_pays_everybody_once(
    acts: Verbs, app: Flask, daily: Any, sandbox: Sandbox, kill: Killer, point: str
) -> None:
    creators = daily(6)
    kill.environ["PAYOUT_AUTO_APPROVE_LIMIT"] = str(LIMIT)
    kill(point, "payday")
    assert len(Books(acts.session).payouts) < 6 or any(
        payout.status is S.SUBMITTING for payout in Books(acts.session).payouts
    )
    acts.session.execute(text("update job_run set lease_until = now() - interval '1 second'"))
    acts.session.commit()
    Desk(app).tick(PAY)
    acts.sweep()
    paid_once(acts, sandbox, creators)
    acts.session.rollback()
    [run] = acts.session.scalars(select(JobRun).where(JobRun.job == PAY))
    assert (run.state, run.fence) == (RunState.SUCCEEDED, 2)


def pay(app: Flask, creator: Creator, day: date) -> None:
    with app.app_context(), operation():
        gateway, round = app.extensions["stripe_gateway"], Round(uuid7(), day, LIMIT)
        pay_on_schedule(unit_of_work, gateway, creator_id=creator.id, round=round, clock=utc_now)


@pytest.mark.parametrize("changeover", [date(2026, 3, 29), date(2026, 10, 25)])
def test_case_22_a_day_with_a_clock_change_is_a_day_like_any_other(
    acts: Verbs, app: Flask, daily: Any, sandbox: Sandbox, changeover: date
) -> None:
    """The job looks every hour for three days around it: three slots, three payouts."""
    [creator] = daily()
    first = datetime(changeover.year, changeover.month, changeover.day, 6, tzinfo=UTC) - timedelta(days=1)
    slots = set()
    for hour in range(72):
        moment = first + timedelta(hours=hour)
        slot = JOBS[PAY].schedule.slot_at(moment)
        slots.add(slot)
        sandbox.fund(creator.stripe_account_id or "", 5_000, "eur")
        pay(app, creator, day_of(slot, moment))
    assert len(slots) == 3
    keys = {payout.period_key for payout in Books(acts.session).payouts}
    assert keys == {str(changeover + timedelta(days=n)) for n in (-1, 0, 1)}
    assert len(sandbox.ledger()["payouts"]) == 3


def test_case_22_a_month_is_paid_once_whatever_its_length(
    acts: Verbs, app: Flask, factory: Factory, sandbox: Sandbox
) -> None:
    creator = factory.creator(payout_schedule=PayoutSchedule.MONTHLY)
    for day in ("2026-01-31", "2026-02-01", "2026-02-28", "2026-03-01", "2026-03-31", "2026-12-31", "2027-01-01"):
        sandbox.fund(creator.stripe_account_id or "", 5_000, "eur")
        pay(app, creator, date.fromisoformat(day))
    keys = sorted(payout.period_key or "" for payout in Books(acts.session).payouts)
    assert keys == ["2026-01", "2026-02", "2026-03", "2026-12", "2027-01"]
    assert len(sandbox.ledger()["payouts"]) == 5
