"""What tests of the inbox start from."""

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from tests.webhooks.inbox import Inbox


@pytest.fixture
def inbox(app: Flask, session: Session) -> Inbox:
    """The application's inbox."""
    return Inbox(app, session)
