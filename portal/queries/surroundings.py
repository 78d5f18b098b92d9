"""What stands around a row of either book: its neighbours in time, its request's rows, those of what it names.

One statement asks for all of it within a day, where most partitions are left alone. What is not found there is
asked for once more, wherever it may be, each by a statement of its own whose plan is kept: of all partitions it
takes longer to plan than to answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Integer, bindparam, literal_column, select, tuple_, union_all
from sqlalchemy.orm import Session

from portal.models import Log, TransactionLog
from portal.models.log import TRACED_KEYS
from portal.queries import log_entry, transaction_entry
from portal.queries.log_entry import AROUND, MOST_OF_A_REQUEST, LogEntry, named_by, of_request
from portal.queries.transaction_entry import TransactionEntry

E = TypeVar("E", LogEntry, TransactionEntry)
MOST_THINGS = 5
BEFORE, AFTER, REQUEST = "before", "after", "request"
SIDES = (BEFORE, AFTER)


class Part(NamedTuple):
    """What is after or before the row, of all rows or of those that name a thing under a key; or its request."""

    side: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Sibling:
    """An event of the same thing."""

    id: int
    type: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Siblings:
    """What came before and after, of the thing that `key` names."""

    key: str
    before: Sibling | None
    after: Sibling | None


@dataclass(frozen=True, slots=True)
class Surroundings(Generic[E]):
    """The rows right after and before one, newest first; its request's first rows, oldest first; its siblings."""

    after: Sequence[E]
    before: Sequence[E]
    request: Sequence[E]
    siblings: Sequence[Siblings]


@dataclass(frozen=True, eq=False)
class _Book:
    """A table, what is read of its rows, and by which column, with an index of its own, they name each thing."""

    table: Any
    columns: Sequence[Any]
    names: Mapping[str, Any]


LOG = _Book(Log, log_entry.COLUMNS, {key: named_by(Log.details, key) for key in TRACED_KEYS})
MONEY = _Book(
    TransactionLog,
    transaction_entry.COLUMNS,
    {
        "entityId": TransactionLog.entity_id,
        "payoutId": TransactionLog.payout_id,
        "paymentId": TransactionLog.payment_id,
        "refundId": TransactionLog.refund_id,
    },
)


def log_surroundings(
    session: Session, entry: LogEntry, *, newer: int = AROUND, older: int = AROUND
) -> Surroundings[LogEntry]:
    """What stands around an event of the log; of the things that it names the most particular first."""
    named = {key: value for key in LOG.names if isinstance(value := entry.details.get(key), str) and value}
    return _surroundings(session, LOG, entry, named, newer, older)


def transaction_surroundings(session: Session, entry: TransactionEntry) -> Surroundings[TransactionEntry]:
    """What stands around a financial event; of its object and what else owns it each once."""
    owners = {entry.refund_id: "refundId", entry.payment_id: "paymentId", entry.payout_id: "payoutId"}
    once = {**owners, entry.entity_id: "entityId"}
    named = {key: value for value, key in once.items() if value}
    return _surroundings(session, MONEY, entry, {key: named[key] for key in MONEY.names if key in named})


def _surroundings(
    session: Session, book: _Book, entry: E, named: Mapping[str, str], newer: int = AROUND, older: int = AROUND
) -> Surroundings[E]:
    keys = list(named)[:MOST_THINGS]
    wanted: dict[Part, int] = {Part(BEFORE): older, Part(AFTER): newer} | {
        Part(side, key): 1 for key in keys for side in SIDES
    }
    given = {**named, AFTER: newer, BEFORE: older, "id": entry.id, "at": entry.created_at}
    near = of_request(entry.request_id, entry.created_at)
    found = _read(session, book, entry, (Part(REQUEST), *wanted), given | near)
    for part, most in wanted.items():
        if len(found[part]) < most:
            found |= _read(session, book, entry, (part,), given)
    siblings = [Siblings(key, *(_nearest(found[Part(side, key)]) for side in SIDES)) for key in keys]
    return Surroundings(found[Part(AFTER)][::-1], found[Part(BEFORE)], found[Part(REQUEST)], siblings)


def _nearest(rows: Sequence[LogEntry | TransactionEntry]) -> Sibling | None:
    for row in rows:
        return Sibling(row.id, row.type if isinstance(row, LogEntry) else row.event_type, row.created_at)
    return None


def _read(
    session: Session, book: _Book, entry: E, parts: tuple[Part, ...], given: Mapping[str, Any]
) -> dict[Part, list[E]]:
    found: dict[Part, list[E]] = {part: [] for part in parts}
    statement = _within_a_day(book, parts) if "since" in given else _anywhere(book, *parts)
    for number, *row in session.connection().execute(statement, given).all():
        found[parts[number]].append(type(entry)(*row))
    return found


@lru_cache
def _within_a_day(book: _Book, parts: tuple[Part, ...]) -> Any:
    """Each part by its own index, under its number."""
    near = book.table.created_at.between(bindparam("since"), bindparam("until"))
    return union_all(*(_arm(book, number, part, near) for number, part in enumerate(parts)))


@cache
def _anywhere(book: _Book, part: Part) -> Any:
    """One part by its index."""
    return _arm(book, 0, part).execution_options(kept_plan=True)


def _arm(book: _Book, number: int, part: Part, *near: ColumnElement[bool]) -> Any:
    at, row_id = book.table.created_at, book.table.id
    most: Any = MOST_OF_A_REQUEST if part.side == REQUEST else bindparam(part.side)
    there, here = tuple_(at, row_id), tuple_(bindparam("at"), bindparam("id"))
    query = select(literal_column(str(number), Integer), *book.columns).where(*near)
    if part.side == AFTER:
        query = query.where(at >= bindparam("at"), there > here).order_by(at, row_id)
    elif part.side == BEFORE:
        query = query.where(at <= bindparam("at"), there < here).order_by(at.desc(), row_id.desc())
    else:
        query = query.where(book.table.request_id == bindparam("request")).order_by(at, row_id)
    if part.key is not None:
        query, most = query.where(book.names[part.key] == bindparam(part.key)), 1
    return query.limit(most)
