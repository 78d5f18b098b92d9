"""Pools that know a dead connection when they hand it out, and seldom ask the server for it.

A connection that rests has nothing to read: bytes there mean that the server took its leave. Only then, and after
a rest long enough for a silent network to have lost it, is the server asked. SQLAlchemy's pre-ping asks each time,
which is one of the five trips that a short transaction makes.
"""

import select
import time
from typing import Any

import psycopg2
from sqlalchemy.dialects.postgresql.psycopg2 import dialect
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

LONG_REST = 1.0
"""Seconds of rest after which a connection is believed only when it answers."""

RESTS_SINCE = "rests since"
_psycopg2: Any = dialect(dbapi=psycopg2)  # type: ignore[no-untyped-call]


def _lay_down(connection: Any, entry: ConnectionPoolEntry) -> None:
    if connection is not None:  # None: it was lost while it was used
        entry.info[RESTS_SINCE] = time.monotonic()


def _take_up(connection: Any, entry: ConnectionPoolEntry, _: Any) -> None:
    """Refuse a dead connection: the pool then lets go of all its old ones, and opens a new one."""
    since = entry.info.get(RESTS_SINCE)
    if since is None or not (time.monotonic() - since > LONG_REST or _has_something_to_read(connection)):
        return
    try:
        _psycopg2.do_ping(connection)
    except psycopg2.Error as error:
        raise InvalidatePoolError(type(error).__name__) from error


def _has_something_to_read(connection: Any) -> bool:
    watch = select.poll()
    watch.register(connection.fileno(), select.POLLIN)
    return bool(watch.poll(0))


LIVELY = {"pool_events": [(_lay_down, "checkin"), (_take_up, "checkout")]}
"""What create_engine() takes to make such a pool."""
