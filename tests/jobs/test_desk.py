"""Who starts jobs: slots by the clock, runs by hand, pauses, and the alarm when a job does not succeed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from portal.audit.actor import SYSTEM, Actor, operation
from portal.domain.jobs import JobRefused, Schedule, pause_job, resume_job
from portal.domain.work import utc_now
from portal.jobs import keep_partitions, roll_up_logs, watch
from portal.jobs.desk import JOBS, Desk, Job
from portal.jobs.runner import Run
from portal.jobs.scheduler import start
from portal.models import JobRun, Log, LogHourActor, LogHourType, RunState, uuid7
from portal.unit_of_work import unit_of_work
from tests.domain.acts import admin_actor
from tests.factories import Factory

REASON = "Maintenance de la banque"


@pytest.fixture
def ran() -> list[str]:
    return []


@pytest.fixture
def desk(app: Flask, ran: list[str]) -> Desk:
    """A desk with one hourly job that notes its slots."""

    def work(app: Flask, run: Run) -> None:
        ran.append(run.slot)

    found = Desk(app, {"hourly": Job(Schedule("hourly", timedelta(hours=1)), work)})
    found.launch = lambda act: act()
    return found


def test_a_tick_runs_the_present_slot_once(desk: Desk, ran: list[str]) -> None:
    for _ in range(3):
        desk.tick("hourly")
    assert len(ran) == 1


def test_a_slot_whose_holder_stopped_is_run_again_also_when_it_is_over(
    desk: Desk, ran: list[str], session: Session
) -> None:
    session.add(
        JobRun(job="hourly", slot="2026-01-01T00:00:00Z", state=RunState.RUNNING, node="gone:1",
               started_at=utc_now(), heartbeat_at=utc_now(), lease_until=utc_now() - timedelta(seconds=1))
    )  # fmt: skip
    session.commit()
    desk.tick("hourly")
    assert ran[0] == "2026-01-01T00:00:00Z"
    assert len(ran) == 2


def test_a_run_by_hand_has_a_slot_of_its_own_and_names_who_asked(
    desk: Desk, app: Flask, ran: list[str], session: Session, factory: Factory
) -> None:
    desk.tick("hourly")
    with app.app_context(), operation():
        run_id = desk.run_now("hourly", admin_actor(factory.admin()), wait=False)
    assert ran[1].startswith("manual:")
    session.rollback()
    row = session.scalars(select(Log).where(Log.type == "CRON_JOB_REQUESTED")).one()
    assert row.details["runId"] == str(run_id)


def test_one_run_at_a_time(desk: Desk, app: Flask, session: Session) -> None:
    refused: list[int] = []

    def work(app: Flask, run: Run) -> None:
        with pytest.raises(JobRefused) as refusal:
            desk.run_now("hourly", SYSTEM, wait=True)
        refused.append(refusal.value.status)
        desk.tick("hourly")

    desk.jobs = {"hourly": Job(Schedule("hourly", timedelta(hours=1)), work)}
    with app.app_context():
        desk.run_now("hourly", SYSTEM, wait=True)
    assert refused == [409]
    assert session.scalar(select(func.count()).select_from(JobRun)) == 1


def test_a_paused_job_starts_neither_by_the_clock_nor_by_hand(
    desk: Desk, app: Flask, ran: list[str], factory: Factory, session: Session
) -> None:
    admin = admin_actor(factory.admin())
    with app.app_context(), operation(), unit_of_work() as unit:
        pause_job(unit, name="hourly", reason=REASON, actor=admin, now=utc_now())
    desk.tick("hourly")
    with app.app_context(), pytest.raises(JobRefused, match=REASON):
        desk.run_now("hourly", SYSTEM, wait=True)
    assert ran == []
    with app.app_context(), operation(), unit_of_work() as unit:
        resume_job(unit, name="hourly", reason="La banque répond", actor=admin)
    desk.tick("hourly")
    assert len(ran) == 1
    types = session.scalars(select(Log.type).order_by(Log.created_at)).all()
    assert types == ["CRON_JOB_PAUSED", "CRON_JOB_RESUMED"]


@pytest.mark.parametrize("reason", ["", "trop", "x" * 501])
def test_a_pause_wants_a_reason(app: Flask, reason: str) -> None:
    with app.app_context(), pytest.raises(JobRefused) as refusal, unit_of_work() as unit:
        pause_job(unit, name="hourly", reason=reason, actor=Actor(SYSTEM.kind), now=utc_now())
    assert refusal.value.status == 422


def test_a_late_job_is_told_once_an_outage(app: Flask, session: Session, desk: Desk) -> None:
    before, app.extensions["jobs"] = app.extensions["jobs"], desk
    now = utc_now()

    def late(hours: float) -> int:
        watch.tick(app, lambda: now + timedelta(hours=hours))
        session.rollback()
        query = select(func.count()).select_from(Log).where(Log.type == "CRON_JOB_LATE")
        return session.scalar(query) or 0

    try:
        assert [late(hours) for hours in (0, 1.9, 2.1, 3, 9)] == [0, 0, 1, 1, 1]
        desk.tick("hourly")
        assert [late(hours) for hours in (1, 1.9, 2.5)] == [1, 1, 2]
    finally:
        app.extensions["jobs"] = before


def test_every_job_keeps_its_name_and_every_slot_lies_in_utc() -> None:
    assert {"process-payouts", "cleanup-logs", "reconcile-stripe", "keep-partitions", "roll-up-logs"} <= set(JOBS)
    schedule = JOBS["process-payouts"].schedule
    paris_fall_back = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    starts = {schedule.slot_at(paris_fall_back + timedelta(minutes=30 * n)) for n in range(48)}
    assert starts == {"2026-10-24T06:00:00Z", "2026-10-25T06:00:00Z"}
    assert schedule.next_start(paris_fall_back) == datetime(2026, 10, 25, 6, tzinfo=UTC)


def test_nothing_starts_when_jobs_are_off(app: Flask) -> None:
    assert start(app) is None
    assert "scheduler" not in app.extensions


def test_the_log_is_counted_by_complete_hours_and_counting_again_changes_nothing(
    app: Flask, session: Session, context: Flask
) -> None:
    session.execute(text("select make_partitions(now() - interval '3 days', now())"))
    session.execute(
        text("insert into log (created_at, level, type, actor, message, request_id)"
             " select now() - interval '50 hours' + n * interval '1 hour', 'INFO', 'USER_LOGIN', 'USER', '',"
             " gen_random_uuid()"
             " from generate_series(0, 49) as n")
    )  # fmt: skip
    session.commit()
    for _ in range(2):
        roll_up_logs.count_hours(lambda *_: None)
    session.rollback()
    total = session.scalar(
        text("select count(*) from log where created_at < date_trunc('hour', now() - interval '5 minutes')")
    )
    assert session.scalar(select(func.sum(LogHourType.n))) == total
    assert session.scalar(select(func.sum(LogHourActor.n))) == total


def told(session: Session) -> list[str]:
    session.rollback()
    return list(session.scalars(select(Log.type).where(Log.type.like("CRON_JOB_%")).order_by(Log.created_at)))


@pytest.mark.parametrize("name", ["keep-partitions", "roll-up-logs"])
@pytest.mark.parametrize(
    ("slot", "fence", "events"),
    [
        ("2026-05-04T00:10:00Z", 1, ["CRON_JOB_STARTED", "CRON_JOB_COMPLETED"]),
        ("2026-05-04T01:10:00Z", 1, []),
        ("2026-05-04T01:10:00Z", 2, ["CRON_JOB_STARTED", "CRON_JOB_COMPLETED"]),
        ("manual:x", 1, ["CRON_JOB_STARTED", "CRON_JOB_COMPLETED"]),
    ],
)
def test_hourly_housekeeping_is_told_once_a_day_on_demand_and_after_a_takeover(
    app: Flask, session: Session, context: Flask, name: str, slot: str, fence: int, events: list[str]
) -> None:
    JOBS[name].work(app, Run(uuid7(), name, slot, fence))
    assert told(session) == events


@pytest.mark.parametrize("name", ["keep-partitions", "roll-up-logs"])
def test_an_error_of_hourly_housekeeping_is_always_told(
    app: Flask, session: Session, context: Flask, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> Any:
        raise RuntimeError("no disk")

    module = {"keep-partitions": keep_partitions, "roll-up-logs": roll_up_logs}[name]
    monkeypatch.setattr(module, "utc_now", broken)
    with pytest.raises(RuntimeError):
        JOBS[name].work(app, Run(uuid7(), name, "2026-05-04T01:10:00Z", 1))
    assert told(session) == ["CRON_JOB_FATAL_ERROR"]
    row = session.scalars(select(Log).where(Log.type == "CRON_JOB_FATAL_ERROR")).one()
    assert (row.details["job"], "no disk" in row.details["errorStack"]) == (name, True)
