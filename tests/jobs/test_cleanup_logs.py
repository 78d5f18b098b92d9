"""Retention as a job: what goes, what stays, when it asks, and what it says of itself."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

from portal.audit import retention
from portal.audit.actor import SYSTEM, Actor, operation
from portal.config import POLICY_DAYS
from portal.domain.log_cleanup import CleanupRefused, Ordinary, asks, confirm_cleanup, ordinary
from portal.domain.work import utc_now
from portal.jobs import cleanup_logs
from portal.jobs.desk import Desk
from portal.models import JobRun, Log, LogActor, LogHourActor, LogHourType, RunState, Setting
from portal.queries.job_search import find_run
from portal.queries.log_retention import deleted_before
from portal.unit_of_work import reading, unit_of_work
from tests.factories import Factory
from tests.jobs.old_logs import drop_old_weeks, held, write_old

Run = Callable[[], dict[str, Any]]


@pytest.fixture(autouse=True)
def policy(change_settings: Any, owner_engine: Engine) -> Iterator[None]:
    """The policy's own days, on a log without a past."""
    change_settings(retention_days=POLICY_DAYS)
    yield
    drop_old_weeks(owner_engine)


@pytest.fixture
def run(app: Flask) -> Run:
    """Run the job by hand and wait; returns its summary."""

    def once() -> dict[str, Any]:
        with app.app_context(), operation():
            found = find_run(reading(), Desk(app).run_now("cleanup-logs", SYSTEM, wait=True))
            assert found is not None
            assert found.state is RunState.SUCCEEDED, found.error
            return found.summary

    return once


def events(session: Session, *types: str) -> list[Log]:
    session.rollback()
    return list(session.scalars(select(Log).where(Log.type.in_(types)).order_by(Log.created_at)))


def past_runs(session: Session, *deleted: int) -> None:
    """Runs of the last days that deleted so much."""
    for ago, rows in enumerate(deleted, start=1):
        at = utc_now() - timedelta(days=ago)
        counts = {"deletedInfo": rows, "deletedWarning": 0, "deletedError": 0, "held": False}
        session.add(
            JobRun(job="cleanup-logs", slot=f"past-{ago}", state=RunState.SUCCEEDED, node="n", started_at=at,
                   heartbeat_at=at, lease_until=at, ended_at=at, summary=counts)
        )  # fmt: skip
    session.commit()


def test_each_level_goes_at_its_time_and_critical_rows_stay(run: Run, session: Session) -> None:
    for days in (29, 31, 59, 61, 89, 92, 400):
        for level in ("INFO", "WARNING", "ERROR", "CRITICAL"):
            write_old(session, level, days, count=2)
    told = run()
    assert held(session) == {"INFO": 2, "WARNING": 6, "ERROR": 10, "CRITICAL": 14}
    assert [told[key] for key in ("deletedInfo", "deletedWarning", "deletedError")] == [12, 8, 4]
    assert told["due"] == {"INFO": 12, "WARNING": 8, "ERROR": 4}
    assert [run()[key] for key in ("deletedInfo", "deletedWarning", "deletedError")] == [0, 0, 0]


def test_the_book_of_money_is_never_touched(run: Run, session: Session) -> None:
    session.execute(text("select make_partitions(now() - interval '900 days', now() - interval '890 days')"))
    session.execute(
        text("insert into transaction_log (created_at, event_type, entity_type, entity_id, actor, request_id)"
             " values (now() - interval '895 days', 'PAYOUT_PAID', 'PAYOUT', 'p', 'SYSTEM', gen_random_uuid())")
    )  # fmt: skip
    session.commit()
    parts = text("select count(*) from pg_inherits where inhparent = 'transaction_log'::regclass")
    before = session.scalar(parts)
    assert run()["weeksDropped"] >= 1
    session.rollback()
    assert session.scalar(text("select count(*) from transaction_log")) == 1
    assert session.scalar(parts) == before


def test_a_run_tells_its_start_its_counts_and_its_error(
    run: Run, app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_old(session, "INFO", 40, count=3)
    run()
    started, completed = events(session, "CRON_CLEANUP_STARTED", "CRON_CLEANUP_COMPLETED")
    assert started.details["runId"] == completed.details["runId"]
    assert (started.details["endpoint"], completed.details["deletedInfo"]) == ("/api/cron/cleanup-logs", 3)
    assert {"endTime", "durationMs"} <= completed.details.keys()

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("disk full")

    monkeypatch.setattr(cleanup_logs, "delete_batch", broken)
    with app.app_context(), operation():
        Desk(app).run_now("cleanup-logs", SYSTEM, wait=True)
    [fatal] = events(session, "CRON_CLEANUP_FATAL_ERROR")
    assert fatal.details["errorMessage"] == "disk full"
    assert "delete_batch" in fatal.details["errorStack"]


def test_old_weeks_are_dropped_or_rewritten_and_others_kept(run: Run, session: Session) -> None:
    write_old(session, "ERROR", 200, count=3)
    write_old(session, "ERROR", 150, count=1500, width=500)
    write_old(session, "CRITICAL", 150, count=2)
    told = run()
    assert (told["weeksDropped"] >= 1, told["weeksRewritten"]) == (True, 1)
    assert held(session) == {"CRITICAL": 2}
    again = run()
    assert not {"weeksDropped", "weeksRewritten", "weeksLeft"} & again.keys()


def test_counts_outlive_the_rows_also_when_nobody_had_counted_them(run: Run, session: Session) -> None:
    write_old(session, "INFO", 31, count=7)
    assert session.scalar(select(func.count()).select_from(LogHourType)) == 0
    run()
    session.rollback()
    for hours in (LogHourType, LogHourActor):
        assert session.scalar(select(func.sum(hours.n)).where(hours.bucket < utc_now() - timedelta(days=30))) == 7
    run()
    session.rollback()
    assert session.scalar(select(func.sum(LogHourType.n)).where(LogHourType.type == "PAST_EVENT")) == 7


def test_an_hour_is_deleted_as_a_whole_or_not_at_all(run: Run, session: Session) -> None:
    edge = (utc_now() - timedelta(days=30)).replace(minute=0, second=0, microsecond=0)
    age = (utc_now() - edge).total_seconds() / 86400
    write_old(session, "INFO", age, count=5)
    write_old(session, "INFO", age - 1 / 24 / 60, count=5)
    run()
    session.rollback()
    assert session.scalar(select(func.min(Log.created_at)).where(Log.type == "PAST_EVENT")) >= edge
    assert held(session) == {"INFO": 5}


def test_what_was_deleted_is_kept_with_each_batch(
    app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    """The second batch fails: its rows are there, and the record holds the first one's count."""
    monkeypatch.setattr(cleanup_logs, "BATCH", 10)
    write_old(session, "INFO", 40, count=25)
    tries: list[int] = []

    def fails_once(*args: Any) -> Any:
        tries.append(1)
        found = retention.delete_batch(*args)
        if len(tries) == 2:
            raise RuntimeError("power cut")
        return found

    monkeypatch.setattr(cleanup_logs, "delete_batch", fails_once)
    with app.app_context(), operation():
        failed = find_run(reading(), Desk(app).run_now("cleanup-logs", SYSTEM, wait=True))
        assert failed is not None
        assert (failed.state, failed.summary["deletedInfo"], failed.done) == (RunState.FAILED, 10, 10)
    assert held(session) == {"INFO": 15}
    assert run()["deletedInfo"] == 15
    assert held(session) == {}


def test_a_new_installation_asks_nothing(run: Run, session: Session) -> None:
    past_runs(session, 0, 0, 0, 0, 0, 5, 6)
    write_old(session, "INFO", 40, count=100)
    assert run()["deletedInfo"] == 100


def test_far_more_than_ordinarily_waits_for_a_person(run: Run, session: Session) -> None:
    past_runs(session, 8, 10, 12, 0, 0, 10, 9, 11)
    write_old(session, "INFO", 40, count=31)
    for _ in range(2):
        told = run()
        assert (told["held"], told["deletedInfo"], told["median"], told["limit"]) == (True, 0, 10, 30)
    assert held(session) == {"INFO": 31}
    first, _ = events(session, "CRON_CLEANUP_HELD")
    assert (first.level, first.details["due"], first.details["limit"]) == ("WARNING", 31, 30)


def test_three_times_the_median_does_not_wait(run: Run, session: Session) -> None:
    past_runs(session, 8, 10, 12)
    write_old(session, "INFO", 40, count=30)
    assert (run()["held"], held(session)) == (False, {})


def confirm(app: Flask, rows: int, reason: str = "Reprise après une panne") -> None:
    with app.app_context(), operation(), unit_of_work() as session:
        confirm_cleanup(session, rows=rows, reason=reason, actor=SYSTEM, now=utc_now())


def test_a_confirmation_lets_one_run_go_and_covers_what_was_shown(run: Run, app: Flask, session: Session) -> None:
    past_runs(session, 1, 1, 1)
    write_old(session, "INFO", 40, count=50)
    confirm(app, 20)
    assert run()["held"]
    confirm(app, 50)
    assert run()["deletedInfo"] == 50
    write_old(session, "INFO", 40, count=50)
    assert run()["held"]
    assert session.scalar(select(func.count()).select_from(Setting)) == 0
    assert len(events(session, "CRON_CLEANUP_CONFIRMED")) == 2


def test_a_confirmation_wants_a_reason(app: Flask) -> None:
    with pytest.raises(CleanupRefused):
        confirm(app, 5, "court")


def test_held_and_failed_runs_are_no_measure(app: Flask, session: Session) -> None:
    past_runs(session, 5, 6)
    session.add(
        JobRun(job="cleanup-logs", slot="failed", state=RunState.FAILED, node="n", started_at=utc_now(),
               heartbeat_at=utc_now(), lease_until=utc_now(), summary={"deletedInfo": 99})
    )  # fmt: skip
    session.commit()
    assert list(deleted_before(session)) == [5, 6]


def test_the_median_is_taken_of_three_runs_or_more() -> None:
    assert ordinary([5, 6]) is None
    assert ordinary([1, 100, 10]) == Ordinary(10, 30)
    assert [asks(due, Ordinary(10, 30), ok) for due, ok in ((30, 0), (31, 0), (81, 50), (80, 50))] == [
        False,
        True,
        True,
        False,
    ]
    assert not asks(10**9, None)


def test_a_shorter_setting_is_told_and_waits_for_the_databases_owner(
    run: Run, session: Session, change_settings: Any, owner_engine: Engine
) -> None:
    change_settings(retention_days={**POLICY_DAYS, "INFO": 7})
    write_old(session, "INFO", 10, count=4)
    assert (run()["deletedInfo"], events(session, "LOG_RETENTION_SHORTENED")) == (0, [])
    try:
        with owner_engine.begin() as owner:
            retention.set_floors(owner, {**retention.POLICY, retention.LogLevel.INFO: 7})
        told = run()
        assert (told["deletedInfo"], told["retentionDays"]["INFO"]) == (4, 7)
        [warning] = events(session, "LOG_RETENTION_SHORTENED")
        assert (warning.level, warning.details["retentionDays"]["INFO"]) == ("WARNING", 7)
    finally:
        with owner_engine.begin() as owner:
            retention.set_floors(owner, retention.POLICY)


def test_a_longer_setting_keeps_rows_longer(run: Run, session: Session, change_settings: Any) -> None:
    change_settings(retention_days=dict.fromkeys(POLICY_DAYS, 100))
    for level in POLICY_DAYS:
        write_old(session, level, 99)
        write_old(session, level, 101)
    run()
    assert held(session) == dict.fromkeys(POLICY_DAYS, 1)


def test_a_command_shows_what_a_run_then_deletes(app: Flask, session: Session) -> None:
    for level, days, count in (("INFO", 31, 5), ("INFO", 45, 7), ("WARNING", 70, 3), ("ERROR", 120, 2)):
        write_old(session, level, days, count)
    runner = app.test_cli_runner()
    shown = runner.invoke(args=["logs", "cleanup", "--dry-run"]).output
    assert shown.splitlines()[-1].split() == ["in", "all", "12", "3", "2", "17"]
    assert sum(held(session).values()) == 17
    assert runner.invoke(args=["logs", "cleanup"]).stdout.strip() == "INFO=12 WARNING=3 ERROR=2 deleted"
    assert held(session) == {}
    shown = runner.invoke(args=["logs", "cleanup", "--dry-run"]).output
    assert shown.splitlines()[-1].split() == ["in", "all", "0", "0", "0", "0"]


def test_a_command_asks_and_takes_the_confirmation(app: Flask, session: Session) -> None:
    past_runs(session, 1, 1, 1)
    write_old(session, "INFO", 40, count=50)
    runner = app.test_cli_runner()
    assert "--confirm is needed" in runner.invoke(args=["logs", "cleanup", "--dry-run"]).output
    refused = runner.invoke(args=["logs", "cleanup"])
    assert (refused.exit_code, held(session)) == (2, {"INFO": 50})
    done = runner.invoke(args=["logs", "cleanup", "--confirm"])
    assert (done.exit_code, held(session)) == (0, {})
    [confirmed] = events(session, "CRON_CLEANUP_CONFIRMED")
    assert (confirmed.details["due"], confirmed.actor) == (50, "SYSTEM")


def test_a_command_lowers_and_raises_the_databases_floor(
    app: Flask, session: Session, change_settings: Any
) -> None:
    runner = app.test_cli_runner()
    change_settings(retention_days={**POLICY_DAYS, "INFO": 7})
    shown = runner.invoke(args=["logs", "policy"]).output
    assert "the database keeps it longer" in shown
    try:
        shown = runner.invoke(args=["logs", "policy", "--apply", "Peu de place"]).output
        assert "INFO     policy  30  set   7  database   7  kept   7  SHORTER THAN THE POLICY" in shown
        [told] = events(session, "LOG_RETENTION_SHORTENED")
        assert told.details["reason"] == "Peu de place"
    finally:
        change_settings(retention_days=POLICY_DAYS)
        shown = runner.invoke(args=["logs", "policy", "--apply", "Retour"]).output
    assert "database  30  kept  30" in shown
    assert "SHORTER" not in shown


def test_an_admin_who_confirms_is_named(app: Flask, factory: Factory, session: Session) -> None:
    user = factory.admin()
    admin = Actor(LogActor.ADMIN, id=str(user.id), user_id=user.id, name=user.name)
    with app.app_context(), operation(), unit_of_work() as unit:
        confirm_cleanup(unit, rows=5, reason="Reprise après une panne", actor=admin, now=utc_now())
    [told] = events(session, "CRON_CLEANUP_CONFIRMED")
    assert (told.actor, told.actor_id, told.details["adminId"]) == ("ADMIN", str(user.id), str(user.id))
