"""The portal was off for longer than partitions are made ahead: there is a place before the first row."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from portal.audit.actor import operation
from portal.audit.system_log import log_info
from portal.domain.work import utc_now
from portal.jobs.scheduler import start
from portal.models import Log, LogActor
from tests.conftest import SECRETS
from tests.factories import Factory
from tests.portal_process import PortalProcess, Visitor, wait_until

PARTS = (
    "select inhrelid::regclass::text from pg_inherits"
    " where inhparent in ('log'::regclass, 'transaction_log'::regclass)"
)


@pytest.fixture
def after_a_month(app: Flask, owner_engine: Engine) -> Iterator[None]:
    """The partitions of a portal that last made some six weeks ago: none for today."""
    now = utc_now()
    with owner_engine.begin() as owner:
        for part in owner.scalars(text(PARTS)).all():
            owner.execute(text(f"drop table {part}"))
        last = now - timedelta(weeks=6)
        owner.execute(text("select make_partitions(:last, :last)"), {"last": last})
    yield
    with owner_engine.begin() as owner:
        owner.execute(text("select make_partitions(:now, :now)"), {"now": now})


def write_one() -> None:
    with operation():
        facts = {"ipAddress": "127.0.0.1", "userAgent": "x"}
        log_info("USER_LOGIN", LogActor.USER, None, "u", facts)


def ahead(session: Session) -> set[str]:
    session.rollback()
    return {part for part in session.scalars(text(PARTS)) if part.startswith("log_")}


def test_without_a_place_a_row_is_refused(after_a_month: None, context: Flask) -> None:
    """What the others below prevent."""
    with pytest.raises(DBAPIError, match="no partition"):
        write_one()


def test_a_server_finds_its_places_also_where_jobs_are_off(
    after_a_month: None, context: Flask, session: Session
) -> None:
    assert start(context) is None
    write_one()
    weeks = [(utc_now() + timedelta(weeks=n)).isocalendar() for n in range(3)]
    assert {f"log_{week.year}w{week.week:02d}" for week in weeks} <= ahead(session)


@pytest.mark.parametrize(
    "command", [["jobs", "run", "keep-partitions"], ["jobs", "run", "roll-up-logs"], ["logs", "cleanup"]]
)
def test_a_command_finds_its_places(after_a_month: None, app: Flask, session: Session, command: list[str]) -> None:
    done = app.test_cli_runner().invoke(args=command)
    assert done.exit_code == 0, done.output
    assert session.scalar(select(func.count()).select_from(Log)) == 2


@pytest.mark.parametrize("jobs", ["on", "off"])
def test_a_real_server_records_who_signs_in_first(
    after_a_month: None, app: Flask, database_url: str, session: Session, factory: Factory,
    tmp_path: Path, jobs: str,
) -> None:  # fmt: skip
    admin = factory.admin()
    environ = {**SECRETS, "DATABASE_URL": database_url, "PORTAL_INSTANCE": str(tmp_path / "i"), "JOBS": jobs}
    with PortalProcess(environ, tmp_path / "portal.log") as portal:
        Visitor(portal.url).sign_in(admin.email)
        query = select(func.count()).select_from(Log).where(Log.type == "USER_LOGIN")

        def recorded() -> bool:
            session.rollback()
            return session.scalar(query) == 1

        wait_until(recorded, "the sign-in to be recorded")
        assert recorded()
