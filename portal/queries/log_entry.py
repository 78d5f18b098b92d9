"""One event of `log` as pages show it, found by its id, its request and its place in time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import Log, LogActor, LogLevel
from portal.models.log import TRACED_KEYS as TRACED_KEYS
from portal.queries.paging import Cursor, Order

COLUMNS = (
    Log.id,
    Log.created_at,
    Log.level,
    Log.type,
    Log.actor,
    Log.actor_id,
    Log.message,
    Log.details,
    Log.request_id,
)
AROUND = 5
MOST_OF_A_REQUEST = 50
LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One row; `details` is its metadata."""

    id: int
    created_at: datetime
    level: LogLevel
    type: str
    actor: LogActor
    actor_id: str | None
    message: str
    details: Mapping[str, Any]
    request_id: UUID


def find_log(session: Session, row_id: int) -> LogEntry | None:
    """The event of an id."""
    row = session.execute(select(*COLUMNS).where(Log.id == row_id)).first()
    return None if row is None else LogEntry(*row)


def parse_row_id(given: str) -> int | None:
    """A row's id as an address gives it, or None when no row can have it."""
    if not (given.isascii() and given.isdigit() and len(given) <= len(str(LARGEST_ID))):
        return None
    return int(given) if int(given) <= LARGEST_ID else None


def same_request(session: Session, request_id: UUID) -> Sequence[LogEntry]:
    """The first rows that one request, job run or delivery wrote, oldest first."""
    query = select(*COLUMNS).where(Log.request_id == request_id).order_by(Log.created_at, Log.id)
    return [LogEntry(*row) for row in session.execute(query.limit(MOST_OF_A_REQUEST))]


def around(
    session: Session, entry: LogEntry, *, newer: int = AROUND, older: int = AROUND
) -> tuple[Sequence[LogEntry], Sequence[LogEntry]]:
    """The rows right after and right before an event, whatever they are, each newest first."""
    after = _beside(session, Order(Cursor(entry.created_at, entry.id, backwards=True)), newer)
    return after[::-1], _beside(session, Order(Cursor(entry.created_at, entry.id)), older)


def _beside(session: Session, order: Order, most: int) -> list[LogEntry]:
    query = select(*COLUMNS).where(*order.conditions(Log.created_at, Log.id))
    query = query.order_by(*order.columns(Log.created_at, Log.id)).limit(most)
    return [LogEntry(*row) for row in session.execute(query)]
