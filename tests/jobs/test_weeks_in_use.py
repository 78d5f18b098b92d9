"""Giving back old weeks while the log is read and written: nobody sees an error, nobody waits long."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from portal.audit.actor import operation
from portal.audit.retention import POLICY
from portal.audit.system_log import log_info
from portal.config import POLICY_DAYS
from portal.extensions import db
from portal.jobs.cleanup_logs import Cleanup
from portal.jobs.runner import LeaseLostError, claim
from portal.models import Log, LogActor
from portal.queries.log_search import LogSearch
from portal.unit_of_work import unit_of_work
from tests.jobs.old_logs import drop_old_weeks, held, write_old

SHORT, LONG = 2.0, 20.0


@pytest.fixture(autouse=True)
def no_old_weeks(app: Flask, owner_engine: Engine) -> Iterator[None]:
    yield
    drop_old_weeks(owner_engine)


@pytest.fixture
def cleanup(app: Flask, context: Flask) -> Cleanup:
    """A run that has decided, and deletes nothing by itself."""
    run = claim("cleanup-logs", "manual:test")
    assert run is not None
    found = Cleanup(run, POLICY_DAYS)
    assert found.begin()
    return found


class Busy:
    """Readers and a writer that note their errors and how long each statement took."""

    def __init__(self, app: Flask) -> None:
        self.app, self.stop = app, Event()
        self.errors: list[BaseException] = []
        self.took: list[float] = []
        self.threads = [Thread(target=self._repeat, args=(act,)) for act in (page, text_page, everything, write)]

    def _repeat(self, act: Callable[[], Any]) -> None:
        with self.app.app_context():
            while not self.stop.is_set():
                started = time.monotonic()
                try:
                    act()
                except BaseException as error:
                    self.errors.append(error)
                    return
                self.took.append(time.monotonic() - started)

    def __enter__(self) -> "Busy":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(LONG)
            assert not thread.is_alive()


def page(**given: str) -> None:
    now = datetime.now(UTC)
    LogSearch.from_args(MultiDict(given), now=now, tz="UTC").page(db.session())
    db.session.rollback()


def text_page() -> None:
    page(q="PAST_EVENT", level="CRITICAL")


def everything() -> None:
    db.session.execute(select(func.count()).select_from(Log))
    db.session.rollback()


def write() -> None:
    with operation():
        log_info("USER_LOGIN", LogActor.USER, None, "u", {"ipAddress": "127.0.0.1", "userAgent": "x"})
    with operation(), unit_of_work() as session:
        metadata = {"ipAddress": "127.0.0.1", "userAgent": "x"}
        log_info("USER_LOGIN", LogActor.USER, None, "u", metadata, session=session)


def deadlocks(session: Session) -> int:
    session.rollback()
    session.execute(text("select pg_stat_clear_snapshot()"))
    return session.scalar(text("select deadlocks from pg_stat_database where datname = current_database()")) or 0


def test_weeks_go_while_others_read_and_write(app: Flask, session: Session, cleanup: Cleanup) -> None:
    for weeks in range(20, 30):
        write_old(session, "ERROR", weeks * 7, 300, width=500)
        if weeks % 2:
            write_old(session, "CRITICAL", weeks * 7, 5)
    before = deadlocks(session)
    with Busy(app) as busy:
        for level in POLICY:
            cleanup.delete(level)
        cleanup.give_back()
        time.sleep(0.2)
    assert busy.errors == []
    assert len(busy.took) > 20
    assert max(busy.took) < SHORT
    assert deadlocks(session) == before
    assert held(session) == {"CRITICAL": 25}
    told = cleanup.run.summary
    assert told["weeksDropped"] >= 5
    assert told["weeksRewritten"] == 5
    assert (told["deletedError"], told.get("weeksLeft", 0)) == (3000, 0)


def test_a_week_somebody_reads_for_long_stays_another_day_and_holds_nobody_up(
    app: Flask, session: Session, owner_engine: Engine, cleanup: Cleanup
) -> None:
    write_old(session, "ERROR", 200, 5)
    cleanup.delete(next(level for level in POLICY if level == "ERROR"))
    with owner_engine.connect() as reader:
        reader.execute(text("select count(*) from log"))
        with Busy(app) as busy:
            cleanup.give_back()
    assert busy.errors == []
    assert max(busy.took) < SHORT
    assert cleanup.run.summary["weeksLeft"] >= 1
    left = cleanup.run.summary["weeksLeft"]
    cleanup.give_back()
    assert cleanup.run.summary["weeksDropped"] == left


def test_a_run_that_was_taken_over_deletes_no_more(app: Flask, session: Session, cleanup: Cleanup) -> None:
    write_old(session, "INFO", 40, 5)
    session.execute(text("update job_run set fence = fence + 1"))
    session.commit()
    with pytest.raises(LeaseLostError):
        cleanup.delete(next(iter(POLICY)))
    assert held(session) == {"INFO": 5}
