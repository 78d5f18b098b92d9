"""kill -9 in the middle of retention: the same run goes on, and its counts are those of the rows that went."""

from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
from flask import Flask
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from portal.models import JobRun, RunState
from tests.conftest import SECRETS
from tests.jobs.old_logs import drop_old_weeks, held, write_old
from tests.portal_process import PortalProcess, wait_until

ROWS, BATCH = 26_000, 5_000
MIDWAY = text(
    "select id from log where (created_at, id) ="
    " (select created_at, id from log where level = 'INFO' order by created_at, id offset :n limit 1) for update"
)


@pytest.fixture
def environ(app: Flask, database_url: str, owner_engine: Engine, tmp_path: Path) -> Iterator[dict[str, str]]:
    yield {
        **SECRETS,
        "DATABASE_URL": database_url,
        "PORTAL_INSTANCE": str(tmp_path / "instance"),
        "RETENTION_INFO_DAYS": "30",
        "RETENTION_WARNING_DAYS": "60",
        "RETENTION_ERROR_DAYS": "90",
    }
    drop_old_weeks(owner_engine)


def start_by_the_outside_clock(url: str) -> None:
    """Ask for a run and wait for an answer that will not come."""
    headers = {"Authorization": f"Bearer {SECRETS['CRON_SECRET']}"}

    def ask() -> None:
        try:
            urlopen(Request(f"{url}/api/cron/cleanup-logs", headers=headers), timeout=60).close()
        except (URLError, OSError):
            return

    Thread(target=ask, daemon=True).start()


def deleting(session: Session) -> int:
    """How many statements of retention are under way."""
    session.rollback()
    query = "select count(*) from pg_stat_activity where query like 'select deleted%' and state = 'active'"
    return session.scalar(text(query)) or 0


def test_killed_midway_the_run_goes_on_and_counts_each_row_once(
    environ: dict[str, str], session: Session, owner_engine: Engine, tmp_path: Path
) -> None:
    write_old(session, "INFO", 40, ROWS)
    write_old(session, "WARNING", 70, 10)
    write_old(session, "CRITICAL", 70, 10)

    def the_run() -> JobRun | None:
        session.rollback()
        manual = select(JobRun).where(JobRun.slot.startswith("manual:"))
        return session.scalars(manual.execution_options(populate_existing=True)).one_or_none()

    def deleted() -> int:
        run = the_run()
        return run.summary.get("deletedInfo", 0) if run else 0

    with owner_engine.connect() as blocker:
        assert blocker.scalar(MIDWAY, {"n": 3 * BATCH + 100}) is not None
        with PortalProcess({**environ, "JOBS": "off"}, tmp_path / "portal.log") as portal:
            start_by_the_outside_clock(portal.url)
            wait_until(lambda: deleted() == 3 * BATCH, "the first batches")
            portal.kill()
    wait_until(lambda: not deleting(session), "the killed process's statement to end")
    assert held(session) == {"INFO": ROWS - 3 * BATCH, "WARNING": 10, "CRITICAL": 10}
    session.execute(text("update job_run set lease_until = now() - interval '1 second'"))
    session.commit()
    with PortalProcess({**environ, "JOBS": "on"}, tmp_path / "portal.log"):
        wait_until(lambda: the_run().state is RunState.SUCCEEDED, "the run to be taken over", 60)  # type: ignore[union-attr]
    run = the_run()
    assert run is not None
    assert (run.fence, run.summary["deletedInfo"], run.summary["deletedWarning"]) == (2, ROWS, 10)
    assert (run.done, run.total) == (ROWS + 10, ROWS + 10)
    assert held(session) == {"CRITICAL": 10}
