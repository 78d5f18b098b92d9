"""When the database counts as gone, and what this process knows of it: since when, how often it asked in vain."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

SHUT = frozenset({"57P01", "57P02", "57P03", "53300"})
"""admin_shutdown, crash_shutdown, cannot_connect_now, too_many_connections; class 08 is the connection itself."""
REST_SECONDS = 1.0


def is_unreachable(error: BaseException | None) -> bool:
    """Whether the connection failed and not the statement: refused, lost, shut down, too many, timed out."""
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    code: str | None = getattr(error.orig, "pgcode", None)
    if code is not None:
        return code in SHUT or code.startswith("08")
    return error.connection_invalidated or isinstance(error, OperationalError)


@dataclass(slots=True)
class Outage:
    """The outage that this process is in, if any; rows that found no room on disk are counted over all of them."""

    began: datetime | None = None
    attempts: int = 0
    dropped: int = 0
    rests_until: float = 0.0
    lock: Lock = field(default_factory=Lock)

    @property
    def resting(self) -> bool:
        """Whether the database was asked in vain so lately that a row need not wait for another refusal."""
        return time.monotonic() < self.rests_until

    def noticed(self) -> bool:
        """Count an attempt in vain; True for the first of an outage."""
        with self.lock:
            first = self.began is None
            self.began = self.began or datetime.now(UTC)
            self.attempts += 1
            self.rests_until = time.monotonic() + REST_SECONDS
        return first

    def over(self) -> None:
        """The database answers, and what was to be told of the outage is told."""
        with self.lock:
            self.began, self.attempts, self.dropped, self.rests_until = None, 0, 0, 0.0
