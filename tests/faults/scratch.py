"""A PostgreSQL of a test's own, to be thrown away or killed, and the portal on it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from argon2 import PasswordHasher
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import URL, create_engine, text
from sqlalchemy.pool import NullPool

from portal import create_app
from portal.audit import writer
from portal.database import ensure_database, start_embedded, stop_embedded
from portal.domain import people
from portal.extensions import db
from tests.conftest import SECRETS, UNSAFE


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder that goes away."""
    with tempfile.TemporaryDirectory(prefix="portal-faults-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def scratch_server(folder: Path, *, durable: bool) -> Iterator[URL]:
    """An embedded server; not durable means fast, for tests in which it is never killed."""
    server = start_embedded(folder / "data")
    if not durable:
        for name in UNSAFE:
            run(server, f"alter system set {name} = off")
        run(server, "select pg_reload_conf()")
    try:
        yield server
    finally:
        stop_embedded(folder / "data")


def run(server: URL, statement: str) -> str:
    """One statement outside any transaction, and the first value that it returns."""
    engine = create_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        answer = connection.execute(text(statement))
        return str(answer.scalar()) if answer.returns_rows else ""


def environ_on(server: URL, name: str, folder: Path, **more: str) -> dict[str, str]:
    """The environment of a portal whose database `name` is on `server`."""
    ensure_database(server, name)
    return {
        **SECRETS,
        "DATABASE_URL": server.set(database=name).render_as_string(hide_password=False),
        "PORTAL_INSTANCE": str(folder / "instance"),
        "JOBS": "off",
        **more,
    }


@contextmanager
def app_beside_the_tests_own(environ: dict[str, str]) -> Iterator[Flask]:
    """A migrated portal in the test's process; afterwards rows written apart go where they went before."""
    apart = writer.apart()
    engine, strict, spool = apart.engine, apart.strict, apart.spool
    yield migrated_app(environ)
    if engine is not None:
        writer.configure(engine, strict=strict, spool=spool)


def migrated_app(environ: dict[str, str]) -> Flask:
    """The portal on a migrated database, without an open connection: it may be forked."""
    people.HASHER = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
    app = create_app(environ, strict_catalogue=True)
    app.testing = True
    with app.app_context():
        upgrade()
        db.engine.dispose()
    return app
