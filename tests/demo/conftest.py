"""One seeded database for this folder's tests: seeding is most of their time."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from portal.demo.seeding import seed
from portal.models import metadata
from portal.stripe_gateway import Stripe
from portal.stripe_sandbox import SandboxSettings
from portal.stripe_sandbox.sandbox import Sandbox
from portal.stripe_sandbox.server import RunningSandbox
from tests.conftest import SECRETS

SMALL = 20_000


def empty(engine: Engine) -> None:
    names = ", ".join(f'"{table.name}"' for table in metadata.sorted_tables)
    with engine.begin() as connection:
        connection.execute(text("set session_replication_role = replica"))
        connection.execute(text(f"truncate {names} restart identity cascade"))


@pytest.fixture(scope="module")
def local_stripe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    """A local Stripe whose bank and postman move only when told to."""
    path: Path = tmp_path_factory.mktemp("stripe") / "stripe.sqlite3"
    settings = SandboxSettings(
        path=path,
        connect_webhook_url="http://portal.test/api/payments/webhook/connect",
        connect_webhook_secret=SECRETS["STRIPE_CONNECT_WEBHOOK_SECRET"],
        settle_after=timedelta(0),
    )
    with RunningSandbox(settings, worker=False) as running:
        yield running


@pytest.fixture(scope="module")
def demo_app(portal_app: Flask, owner_engine: Engine, local_stripe: RunningSandbox) -> Iterator[Flask]:
    """The application over an empty database and the local Stripe."""
    empty(owner_engine)
    before = portal_app.extensions["settings"], portal_app.extensions["stripe_gateway"]
    settings = replace(before[0], stripe_api_base=local_stripe.url)
    portal_app.extensions["settings"] = settings
    portal_app.extensions["stripe_gateway"] = Stripe(
        settings.stripe_secret_key, api_base=local_stripe.url, timeout=settings.stripe_timeout
    )
    yield portal_app
    portal_app.extensions["settings"], portal_app.extensions["stripe_gateway"] = before
    empty(owner_engine)


@pytest.fixture(scope="module")
def seeded(demo_app: Flask) -> Flask:
    """The application after the first seeding."""
    seed(demo_app, SMALL)
    return demo_app


@pytest.fixture
def sandbox(local_stripe: RunningSandbox) -> Sandbox:
    """The local Stripe as an object."""
    return local_stripe.sandbox


@pytest.fixture
def session(owner_engine: Engine, seeded: Flask) -> Iterator[Session]:
    """The seeded database."""
    with Session(owner_engine) as session:
        yield session
