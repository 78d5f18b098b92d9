"""The run over the creators: counts, progress in the log, 429, a bug in one, an error that stops all, takeover."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.audit.actor import SYSTEM
from portal.jobs import desk, process_payouts
from portal.jobs.desk import Desk
from portal.jobs.runner import run_slot
from portal.models import JobRun, Log, Payout, PayoutSchedule, RunState
from tests.domain.acts import Acts
from tests.factories import Factory

JOB = "process-payouts"
Make = Callable[..., list[Any]]


@pytest.fixture
def acts(app: Flask, session: Session) -> Acts:
    return Acts(app, session)


@pytest.fixture
def creators(factory: Factory, change_settings: Any) -> Make:
    """Some creators who are paid every day, each within the limit of automatic approval."""
    change_settings(payout_auto_approve_limit=Decimal(10_000))

    def make(n: int, **given: Any) -> list[Any]:
        return [factory.creator(**{"payout_schedule": PayoutSchedule.DAILY, **given}) for _ in range(n)]

    return make


@pytest.fixture
def run(app: Flask, session: Session) -> Callable[[], JobRun]:
    """Run the job in a slot of its own and wait."""

    def act() -> JobRun:
        with app.app_context():
            run_id = Desk(app).run_now(JOB, SYSTEM, wait=True)
        session.rollback()
        return session.get_one(JobRun, run_id, populate_existing=True)

    return act


def rows(session: Session, prefix: str) -> list[Log]:
    session.rollback()
    return list(session.scalars(select(Log).where(Log.type.startswith(prefix)).order_by(Log.created_at, Log.id)))


def test_a_run_reads_as_the_specification_says(
    creators: Make, run: Callable[[], JobRun], session: Session, factory: Factory
) -> None:
    creators(10)
    creators(2, balance_minor=100)
    found = run()
    told = rows(session, "CRON_PAYOUT")
    assert [row.type.removeprefix("CRON_PAYOUT_") for row in told] == [
        "STARTED", "PROGRESS", "PROGRESS", "PROGRESS", "COMPLETED",
    ]  # fmt: skip
    assert [row.message for row in told[1:4]] == [
        f"Cron de payouts : {n}/12 créateurs traités" for n in (5, 10, 12)
    ]
    assert {row.details["runId"] for row in told} == {str(found.id)}
    assert {row.request_id for row in told} == {found.id}
    counts = {name: told[-1].details[name] for name in ("processed", "succeeded", "failed", "skipped")}
    assert counts == {"processed": 12, "succeeded": 10, "failed": 0, "skipped": 2}
    assert found.summary["reasons"] == {"sent": 10, "balance_low": 2}
    assert (found.state, found.done, found.total) == (RunState.SUCCEEDED, 12, 12)
    assert len(factory.sandbox.ledger()["payouts"]) == 10


def test_each_payout_is_an_operation_of_its_own_that_names_the_run(
    creators: Make, run: Callable[[], JobRun], session: Session
) -> None:
    creators(3)
    found = run()
    begun = rows(session, "PAYOUT_REQUEST_INITIATED")
    assert len({row.request_id for row in begun} | {found.id}) == 4
    assert {row.details["runId"] for row in begun} == {str(found.id)}


def test_a_second_run_of_the_period_pays_nobody(
    creators: Make, run: Callable[[], JobRun], factory: Factory
) -> None:
    creators(3)
    run()
    assert run().summary["processed"] == 0
    assert len(factory.sandbox.ledger()["payouts"]) == 3


def test_too_many_requests_slow_the_run_down_and_everybody_is_paid(
    creators: Make, run: Callable[[], JobRun], factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.jobs.pacing.SHORTEST", process_payouts_pause())
    creators(6)
    factory.sandbox.faults.add("rate_limited", path="/v1/accounts/*", times=5)
    factory.sandbox.faults.add("rate_limited", path="/v1/balance", times=3)
    assert run().summary["succeeded"] == 6


def process_payouts_pause() -> Any:
    from datetime import timedelta

    return timedelta(milliseconds=20)


def test_a_bug_with_one_creator_stops_nobody_else(
    creators: Make, run: Callable[[], JobRun], session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    [unlucky, *_] = creators(4)
    true = process_payouts.pay_on_schedule

    def stumble(*args: Any, creator_id: Any, **rest: Any) -> Any:
        if creator_id == unlucky.id:
            raise ZeroDivisionError("no such rate")
        return true(*args, creator_id=creator_id, **rest)

    monkeypatch.setattr(process_payouts, "pay_on_schedule", stumble)
    found = run()
    assert (found.summary["succeeded"], found.summary["failed"]) == (3, 1)
    assert found.summary["unpaid"] == [{"creatorId": str(unlucky.id), "reason": "bug"}]
    [row] = rows(session, "PAYOUT_REQUEST_FATAL_ERROR")
    assert "ZeroDivisionError" in row.details["errorStack"]


def test_an_error_that_stops_the_run_is_told_with_its_stack_and_the_counts(
    creators: Make, run: Callable[[], JobRun], session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the database went away")

    monkeypatch.setattr(process_payouts, "due_creators", fail)
    found = run()
    assert found.state is RunState.FAILED
    assert "RuntimeError: the database went away" in (found.error or "")
    [row] = rows(session, "CRON_PAYOUT_FATAL_ERROR")
    assert row.details["errorMessage"] == "the database went away"
    assert "Traceback" in row.details["errorStack"]
    assert "summary" in row.details


def test_a_run_whose_holder_died_is_taken_over_and_pays_nobody_twice(
    app: Flask, creators: Make, session: Session, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    creators(8)
    true, paid = process_payouts.pay_on_schedule, []

    def die_midway(*args: Any, **rest: Any) -> Any:
        if len(paid) >= 4:
            raise KeyboardInterrupt
        paid.append(1)
        return true(*args, **rest)

    monkeypatch.setattr(process_payouts, "pay_on_schedule", die_midway)
    monkeypatch.setattr(process_payouts, "KEPT_SECONDS", 0)
    with app.app_context(), pytest.raises(KeyboardInterrupt):
        run_slot(
            JOB, desk.JOBS[JOB].schedule.slot_at(process_payouts.utc_now()), lambda r: process_payouts.work(app, r)
        )
    monkeypatch.setattr(process_payouts, "pay_on_schedule", true)
    assert session.scalars(select(JobRun)).one().state is RunState.RUNNING
    Desk(app).tick(JOB)
    session.rollback()
    assert session.scalars(select(JobRun).execution_options(populate_existing=True)).one().fence == 1
    session.execute(text("update job_run set lease_until = now() - interval '1 second'"))
    session.commit()
    Desk(app).tick(JOB)
    session.rollback()
    found = session.scalars(select(JobRun).execution_options(populate_existing=True)).one()
    assert (found.state, found.fence) == (RunState.SUCCEEDED, 2)
    assert len(session.scalars(select(Payout)).all()) == 8
    assert len(factory.sandbox.ledger()["payouts"]) == 8
    assert found.summary["succeeded"] == found.summary["processed"]
