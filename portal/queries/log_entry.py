"""One event of `log` as pages show it, found by its id and its request."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, literal_column, null, select
from sqlalchemy.orm import Session

from portal.models import Log, LogActor, LogLevel
from portal.models.log import TRACED_KEYS as TRACED_KEYS

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


def without(gone: Iterable[Any], columns: Iterable[Any]) -> tuple[Any, ...]:
    """Columns with null in the places of some."""
    names = {column.name for column in gone}
    return tuple(null().label(each.name) if each.name in names else each for each in columns)


def named_by(metadata: Any, key: str) -> Any:
    """One of TRACED_KEYS in metadata, as its index is written: with no parameter, so that a plan can be kept."""
    return metadata[literal_column(f"'{key}'")].astext


BARE = without((Log.details, Log.request_id), COLUMNS)
"""What a list shows of a row."""
AROUND = 5
MOST_OF_A_REQUEST = 50
LONGEST_REQUEST = timedelta(days=1)
"""No request, delivery or run of a job writes for longer: most partitions are left alone when it is asked for."""
LARGEST_ID = 2**63 - 1


class LogEntry(NamedTuple):
    """One row; `details` is its metadata. A list's rows have neither these nor the request's id, but None."""

    id: int
    created_at: datetime
    level: LogLevel
    type: str
    actor: LogActor
    actor_id: str | None
    message: str
    details: Mapping[str, Any]
    request_id: UUID


BY_ID = select(*COLUMNS).where(Log.id == bindparam("id")).execution_options(kept_plan=True)
OF_REQUEST = (
    select(*COLUMNS)
    .where(Log.request_id == bindparam("request"), Log.created_at.between(bindparam("since"), bindparam("until")))
    .order_by(Log.created_at, Log.id)
    .limit(MOST_OF_A_REQUEST)
)


def find_log(session: Session, row_id: int) -> LogEntry | None:
    """The event of an id."""
    row = session.connection().execute(BY_ID, {"id": row_id}).first()
    return None if row is None else LogEntry(*row)


def parse_row_id(given: str) -> int | None:
    """A row's id as an address gives it, or None when no row can have it."""
    if not (given.isascii() and given.isdigit() and len(given) <= len(str(LARGEST_ID))):
        return None
    return int(given) if int(given) <= LARGEST_ID else None


def same_request(session: Session, request_id: UUID, near: datetime) -> Sequence[LogEntry]:
    """The first rows that one request, job run or delivery wrote about `near`, oldest first."""
    return [LogEntry(*row) for row in session.execute(OF_REQUEST, of_request(request_id, near))]


def of_request(request_id: UUID, near: datetime) -> dict[str, object]:
    """What a statement about one request takes: a request lasts a while and no longer."""
    return {"request": request_id, "since": near - LONGEST_REQUEST, "until": near + LONGEST_REQUEST}
