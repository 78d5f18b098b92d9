"""The payout verbs and an admin, ready to be used against faults."""

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from portal.models import Creator, Payout, User
from tests.factories import Factory
from tests.faults.acts import Verbs


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
