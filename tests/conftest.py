"""One throw-away PostgreSQL a test run, migrated once; every test finds it empty, with a Stripe of its own."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from portal import create_app
from portal.audit import actor
from portal.database import ensure_database, psycopg2_url, start_embedded, stop_embedded
from portal.domain import people
from portal.extensions import db
from portal.models import metadata
from portal.stripe_gateway import Stripe
from portal.stripe_sandbox import SandboxSettings
from portal.stripe_sandbox.sandbox import Sandbox
from portal.stripe_sandbox.server import RunningSandbox
from tests import canary
from tests.browser import Browser
from tests.factories import Factory

SECRETS = {
    "SECRET_KEY": "test-secret-key",
    "STRIPE_WEBHOOK_SECRET": "whsec_test_platform",
    "STRIPE_CONNECT_WEBHOOK_SECRET": "whsec_test_connect",
    "CRON_SECRET": "test-cron-secret",
}
UNSAFE = ("fsync", "synchronous_commit", "full_page_writes")
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")


LEAKING = text(
    "select string_agg(left(told, 300), ' || ') from ("
    " select type || ' ' || message || ' ' || metadata::text as told from log"
    " union all select event_type || ' ' || coalesce(error_message, '') || ' ' || metadata::text"
    " from transaction_log) as rows where told ~ :pattern"
)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """No test leaves a secret on stderr: what every one of them wrote there is searched for all of them."""
    report = yield
    if report.passed and (found := canary.leaks(report.capstderr)):
        report.outcome, report.longrepr = "failed", f"secrets on stderr in {item.nodeid}: {found[:3]}"
    return report


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An empty database: on DATABASE_URL's server if set, else on an embedded one that is thrown away."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        ensure_database(psycopg2_url(given), f"callastar_test_{WORKER}")
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="portal-pg-", ignore_cleanup_errors=True) as folder:
        data = Path(folder) / "data"
        server = start_embedded(data)
        engine = create_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            for name in UNSAFE:
                connection.execute(text(f"alter system set {name} = off"))
            connection.execute(text("select pg_reload_conf()"))
        ensure_database(server, "callastar_test")
        yield server.set(database="callastar_test").render_as_string(hide_password=False)
        stop_embedded(data)


@pytest.fixture(scope="session")
def portal_app(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The application on a migrated database."""
    people.HASHER = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
    environ = {
        **SECRETS,
        "DATABASE_URL": database_url,
        "PORTAL_INSTANCE": str(tmp_path_factory.mktemp("instance")),
        "JOBS": "off",
        "PAYOUT_RETYPE_ABOVE": "1000000",
    }
    app = create_app(environ, strict_catalogue=True)
    app.testing = True
    with app.app_context():
        upgrade()
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture(scope="session")
def owner_engine(portal_app: Flask) -> Iterator[Engine]:
    """Connections as the database's owner, for set-up that the application may not do."""
    engine = create_engine(portal_app.extensions["database_urls"].owner, poolclass=NullPool)
    yield engine
    engine.dispose()


@pytest.fixture
def empty_database(owner_engine: Engine) -> None:
    """Remove every row; only the owner can, with triggers off."""
    names = ", ".join(f'"{table.name}"' for table in metadata.sorted_tables)
    with owner_engine.begin() as connection:
        connection.execute(text("set session_replication_role = replica"))
        connection.execute(text(f"truncate {names} restart identity cascade"))


@pytest.fixture
def running_sandbox(tmp_path: Path) -> Iterator[RunningSandbox]:
    """A local Stripe over HTTP whose bank and postman move only when told to."""
    settings = SandboxSettings(
        path=tmp_path / "stripe.sqlite3",
        platform_webhook_url="http://portal.test/api/payments/webhook",
        platform_webhook_secret=SECRETS["STRIPE_WEBHOOK_SECRET"],
        connect_webhook_url="http://portal.test/api/payments/webhook/connect",
        connect_webhook_secret=SECRETS["STRIPE_CONNECT_WEBHOOK_SECRET"],
    )
    with RunningSandbox(settings, worker=False) as running:
        yield running


@pytest.fixture
def sandbox(running_sandbox: RunningSandbox) -> Sandbox:
    """The local Stripe as an object."""
    return running_sandbox.sandbox


@pytest.fixture
def app(
    portal_app: Flask, owner_engine: Engine, empty_database: None, running_sandbox: RunningSandbox
) -> Iterator[Flask]:
    """The application on an empty database and a fresh Stripe; what a test leaves in the books holds no secret."""
    before = portal_app.extensions["settings"]
    shutil.rmtree(before.instance / "spool", ignore_errors=True)  # rows that waited for another test's database
    portal_app.extensions["stripe_gateway"] = Stripe(
        before.stripe_secret_key, api_base=running_sandbox.url, timeout=before.stripe_timeout
    )
    yield portal_app
    portal_app.extensions["settings"] = before
    with owner_engine.connect() as connection:
        assert connection.scalar(LEAKING, {"pattern": canary.PATTERN}) is None


@pytest.fixture
def change_settings(app: Flask) -> Any:
    """Change some of the application's settings for one test."""

    def change(**changes: Any) -> None:
        app.extensions["settings"] = replace(app.extensions["settings"], **changes)

    return change


@pytest.fixture
def context(app: Flask) -> Iterator[Flask]:
    """An application context, for tests below HTTP; ends with a request id of its own."""
    with app.app_context(), actor.operation():
        yield app


@pytest.fixture
def session(owner_engine: Engine, app: Flask) -> Iterator[Session]:
    """A session beside the application's, to look at and prepare rows."""
    with Session(owner_engine, expire_on_commit=False) as session:
        yield session


@pytest.fixture
def factory(session: Session, sandbox: Sandbox) -> Factory:
    """Makes people, creators with Stripe accounts, payouts."""
    return Factory(session, sandbox)


@pytest.fixture
def browser(app: Flask) -> Browser:
    """Somebody's browser."""
    return Browser(app)


@pytest.fixture
def deliver(app: Flask, sandbox: Sandbox) -> Any:
    """Let Stripe post its due webhooks to the portal; returns the deliveries."""
    client = app.test_client()
    paths = {"platform": "/api/payments/webhook", "connect": "/api/payments/webhook/connect"}

    def post(endpoint: str, body: bytes, headers: dict[str, str]) -> int:
        return client.post(paths[endpoint], data=body, headers=headers).status_code

    def send(**options: Any) -> list[dict[str, Any]]:
        return sandbox.deliver(post, **options)

    return send


@pytest.fixture
def process(app: Flask) -> Any:
    """Run the inbox job once."""
    from portal.jobs import process_inbox

    return lambda: process_inbox.tick(app)
