"""The verbs, ready to be called."""

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from portal.models import Creator, Payment, User
from tests.domain.acts import Acts
from tests.factories import Factory
from tests.sales import Sales


@pytest.fixture
def acts(app: Flask, session: Session) -> Acts:
    """The payout verbs on an empty database and a fresh Stripe."""
    return Acts(app, session)


@pytest.fixture
def sales(app: Flask, session: Session) -> Sales:
    """Calls to sell, and money to give back."""
    return Sales(app, session)


@pytest.fixture
def admin(factory: Factory) -> User:
    """Somebody who decides."""
    return factory.admin(name="Ada Martin")


@pytest.fixture
def seller(factory: Factory) -> Creator:
    """A creator without any money yet."""
    return factory.creator(name="Zoé Durand", balance_minor=0)


@pytest.fixture
def paid(sales: Sales, factory: Factory, seller: Creator) -> Payment:
    """A call paid 100.00 EUR: 85.00 are the creator's, 15.00 the platform's."""
    return sales.sell(seller, factory.user())
