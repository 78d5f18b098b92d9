"""Whose clock decides: the database's, whatever a node believes; and which processes have a clock at all."""

import os
import runpy
import subprocess
import sys
import unittest.mock
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, event, select, text
from sqlalchemy.orm import Session

from portal.audit import writer
from portal.audit.spool import Spool
from portal.audit.system_log import log_api_error
from portal.domain.jobs import Schedule
from portal.extensions import db
from portal.jobs import desk as desks
from portal.jobs import outages, watch
from portal.jobs.desk import Desk, Job
from portal.jobs.runner import Run, claim
from portal.models import JobRun, Log, LogActor, RunState
from tests.portal_process import ROOT

PARTITIONS = "select inhrelid::regclass from pg_inherits where inhparent = 'log'::regclass"
HOURLY = Schedule("hourly", timedelta(hours=1))


@pytest.fixture(params=[timedelta(days=2), timedelta(days=-2)], ids=["ahead", "behind"])
def skewed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> timedelta:
    """This node's own clock is two days off."""
    skew: timedelta = request.param

    class Skewed(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) + skew

    monkeypatch.setattr("portal.domain.work.datetime", Skewed)
    return skew


def test_a_node_whose_clock_is_wrong_runs_the_slot_of_the_database(
    app: Flask, session: Session, skewed: timedelta
) -> None:
    from portal.domain.work import utc_now

    assert abs(utc_now() - datetime.now(UTC) - skewed) < timedelta(seconds=5)
    ran: list[str] = []
    desk = Desk(app, {"hourly": Job(HOURLY, lambda app, run: ran.append(run.slot))})
    before = HOURLY.slot_at(_database_now(session))
    desk.tick("hourly")
    desk.tick("hourly")
    assert ran[0] in {before, HOURLY.slot_at(_database_now(session))}
    assert len(ran) == 1 or before != HOURLY.slot_at(_database_now(session))


def test_a_node_whose_clock_is_wrong_raises_no_false_alarm(
    app: Flask, session: Session, skewed: timedelta
) -> None:
    app.extensions["jobs"] = Desk(app, {"hourly": Job(HOURLY, lambda app, run: None)})
    try:
        watch.tick(app)
        app.extensions["jobs"].tick("hourly")
        watch.tick(app)
    finally:
        desks.register(app)
    session.rollback()
    assert session.scalars(select(Log).where(Log.type == "CRON_JOB_LATE")).all() == []


def test_leases_are_the_databases_whatever_the_node_believes(
    context: Flask, session: Session, skewed: timedelta
) -> None:
    run = claim("hourly", "a", timedelta(seconds=30))
    assert run is not None
    run.progress(1, 2)
    session.rollback()
    row = session.scalars(select(JobRun)).one()
    left = row.lease_until - _database_now(session)
    assert timedelta(seconds=20) < left <= timedelta(seconds=30)
    assert claim("hourly", "a") is None


def _database_now(session: Session) -> datetime:
    session.rollback()
    moment: datetime = session.execute(text("select clock_timestamp()")).scalar_one()
    return moment


def test_what_a_run_writes_with_its_progress_is_the_holders_or_nothing(context: Flask, session: Session) -> None:
    from portal.jobs.runner import LeaseLostError
    from portal.models import Setting
    from portal.unit_of_work import unit_of_work

    def write(run: Run) -> None:
        with unit_of_work() as unit:
            unit.add(Setting(name=f"by-{run.fence}", value=1, set_at=datetime.now(UTC)))
            run.record(unit, run.summary, 1)

    first = claim("hourly", "a")
    session.execute(text("update job_run set lease_until = now() - interval '1 second'"))
    session.commit()
    second = claim("hourly", "a")
    assert first is not None
    assert second is not None
    with pytest.raises(LeaseLostError):
        write(first)
    write(second)
    session.rollback()
    assert session.scalars(select(Setting.name).where(Setting.name.startswith("by-"))).all() == ["by-2"]


@pytest.fixture
def lose_the_database(session: Session) -> Callable[[], None]:
    """End the connection that the application's session is on, and use it."""

    def lose() -> None:
        pid = db.session().scalar(text("select pg_backend_pid()"))
        session.execute(text("select pg_terminate_backend(:pid)"), {"pid": pid})
        session.commit()
        db.session().execute(text("select 1"))

    return lose


def test_a_run_that_loses_its_database_is_left_to_be_taken_over(
    app: Flask, session: Session, lose_the_database: Callable[[], None]
) -> None:
    ran: list[int] = []

    def work(app: Flask, run: Run) -> None:
        ran.append(run.fence)
        if run.fence == 1:
            lose_the_database()

    desk = Desk(app, {"hourly": Job(HOURLY, work)})
    desk.tick("hourly")
    session.rollback()
    assert session.scalars(select(JobRun.state)).one() is RunState.RUNNING
    session.execute(text("update job_run set lease_until = now() - interval '1 second'"))
    session.commit()
    desk.tick("hourly")
    session.rollback()
    assert ran == [1, 2]
    assert session.scalars(select(JobRun.state).where(JobRun.fence == 2)).one() is RunState.SUCCEEDED


def test_a_run_that_loses_its_database_again_and_again_fails(
    app: Flask, session: Session, lose_the_database: Callable[[], None]
) -> None:
    def work(app: Flask, run: Run) -> None:
        lose_the_database()

    desk = Desk(app, {"hourly": Job(HOURLY, work)}, lease=timedelta(seconds=-1))
    for _ in range(8):
        desk.tick("hourly")
    session.rollback()
    assert [(run.state, run.fence) for run in session.scalars(select(JobRun))] == [(RunState.FAILED, 6)]


def test_a_tick_says_an_outage_once_and_lives(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    import psycopg2

    def refuse(*_: Any) -> None:
        raise psycopg2.OperationalError("connection refused")

    with app.app_context():
        engine = db.engine
    tick = outages.Surviving(app.extensions["jobs"].tick, "roll-up-logs")
    engine.dispose()
    event.listen(engine, "do_connect", refuse)
    try:
        for _ in range(5):
            tick("roll-up-logs")
    finally:
        event.remove(engine, "do_connect", refuse)
    tick("roll-up-logs")
    tick("roll-up-logs")
    said = [record.message for record in caplog.records if record.name == outages.log.name]
    assert [line.partition(":")[2][:21] for line in said] == [" the database is gone", " the database is back"]


def test_a_bug_in_a_tick_is_no_outage() -> None:
    def broken() -> None:
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        outages.Surviving(broken, "broken")()


def threads_of(program: str, **env: str) -> str:
    """The threads that live in a process after `program`."""
    tail = "\nimport threading; print(*sorted(one.name for one in threading.enumerate()), sep=',')"
    command = [sys.executable, "-c", program + tail]
    given = {**os.environ, **env}
    return subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def process_environ(database_url: str, app: Flask, tmp_path: Path) -> dict[str, str]:
    from tests.conftest import SECRETS

    return {**SECRETS, "DATABASE_URL": database_url, "PORTAL_INSTANCE": str(tmp_path), "JOBS": "on"}


WORKER = """
import runpy, types
from wsgi import app
runpy.run_path("gunicorn.conf.py")["post_worker_init"](types.SimpleNamespace(wsgi=app))
"""


def test_only_a_servers_worker_has_a_clock(process_environ: dict[str, str]) -> None:
    assert threads_of("from wsgi import app", **process_environ) == "MainThread\n"
    assert "APScheduler" in threads_of(WORKER, **process_environ)


def test_without_jobs_a_worker_still_replays_what_waits_on_disk(process_environ: dict[str, str]) -> None:
    assert threads_of(WORKER, **process_environ | {"JOBS": "off"}) == "MainThread,spool\n"


def test_no_command_and_no_test_has_a_clock(app: Flask, process_environ: dict[str, str]) -> None:
    program = """
from wsgi import app
app.test_cli_runner().invoke(app.cli.commands["jobs"], ["list"], catch_exceptions=False)
app.test_client().get("/login")
"""
    assert threads_of(program, **process_environ) == "MainThread\n"
    assert "scheduler" not in app.extensions


def test_the_reloaders_parent_has_no_clock(process_environ: dict[str, str]) -> None:
    """`flask run --debug` imports the application in both of its processes, and starts the clock in neither."""
    for role in ({}, {"WERKZEUG_RUN_MAIN": "true"}, {"FLASK_RUN_FROM_CLI": "true", "FLASK_DEBUG": "1"}):
        assert threads_of("from wsgi import app", **process_environ | role) == "MainThread\n"


def test_gunicorns_parent_loads_no_application() -> None:
    with unittest.mock.patch.dict(os.environ):  # it says where workers count, which these tests must not hear
        config = runpy.run_path(str(ROOT / "gunicorn.conf.py"))
    assert config["preload_app"] is False


def test_what_waits_after_months_finds_its_partition(app: Flask, owner_engine: Engine, tmp_path: Path) -> None:
    """The portal was off for longer than partitions are made ahead, and began without a database."""
    apart = writer.apart()
    engine, kept = apart.engine, apart.spool
    assert engine is not None
    spool = Spool(tmp_path / "spool")
    writer.configure(create_engine("postgresql+psycopg2:///x?host=/nonexistent"), strict=True, spool=spool)
    try:
        log_api_error("/x", "lost", LogActor.SYSTEM)
        with owner_engine.begin() as connection:
            for name in connection.scalars(text(PARTITIONS)).all():
                connection.execute(text(f"drop table {name}"))
        writer.configure(engine, strict=True, spool=spool)
        assert outages.replay_spool(app) == 1
        assert not spool.aside.exists()
    finally:
        writer.configure(engine, strict=True, spool=kept)
