"""The payout verbs, ready to be called."""

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from tests.domain.acts import Acts


@pytest.fixture
def acts(app: Flask, session: Session) -> Acts:
    """The payout verbs on an empty database and a fresh Stripe."""
    return Acts(app, session)
