"""A unit of work and a clock as the rules see them: handed in by the edge."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime

from sqlalchemy.orm import Session

UnitOfWork = Callable[[], AbstractContextManager[Session]]
"""A block that commits when it ends. A verb that talks to Stripe opens one around each step, never a call."""

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)
