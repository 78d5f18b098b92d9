"""The payout verbs and an admin, ready to be used against faults."""

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from portal.models import Creator, Payout, User
from portal.stripe_sandbox.server import RunningSandbox
from tests.conftest import SECRETS
from tests.factories import Factory
from tests.faults.acts import Verbs
from tests.faults.killer import Killer


@pytest.fixture
def acts(app: Flask, session: Session) -> Verbs:
    """The payout verbs on an empty database and a fresh Stripe."""
    return Verbs(app, session)


@pytest.fixture
def admin(factory: Factory) -> User:
    """Somebody who decides."""
    return factory.admin(name="Ada Martin")


@pytest.fixture
def creator(factory: Factory) -> Creator:
    """Somebody who is paid, with 1,000.00 EUR at Stripe."""
    return factory.creator(name="Zoé Durand")


@pytest.fixture
def requested(acts: Verbs, creator: Creator) -> Payout:
    """A payout of 123.45 EUR that waits for an admin."""
    return acts.request(creator).payout


@pytest.fixture
def environ(app: Flask, database_url: str, running_sandbox: RunningSandbox, tmp_path: Path) -> dict[str, str]:
    """The environment of a portal process on the test's database and Stripe."""
    return {
        **SECRETS,
        "DATABASE_URL": database_url,
        "PORTAL_INSTANCE": str(tmp_path / "instance"),
        "STRIPE_API_BASE": running_sandbox.url,
        "STRIPE_TIMEOUT": "4",
        "JOBS": "off",
    }


@pytest.fixture
def kill(environ: dict[str, str]) -> Killer:
    """A process that dies where it is told to."""
    return Killer(environ)
