"""What stands around a row of either book: its neighbours in time, its request's rows, those of what it names.

The rows before it and after it, and those of each thing, are asked for by a statement of their own, whose plan is
kept: over all partitions it takes longer to plan one than to answer five.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import islice
from typing import Any, Generic, TypeVar

from sqlalchemy import Integer, bindparam, literal_column, select, tuple_, union_all
from sqlalchemy.orm import Session

from portal.models import Log, TransactionLog
from portal.models.log import TRACED_KEYS
from portal.queries import log_entry, transaction_entry
from portal.queries.log_entry import AROUND, LogEntry, named_by, same_request
from portal.queries.transaction_entry import TransactionEntry, transactions_of_request

E = TypeVar("E", LogEntry, TransactionEntry)
MOST_THINGS = 5


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
    request = same_request(session, entry.request_id, entry.created_at)
    return _surroundings(session, LOG, entry, named, request, newer, older)


def transaction_surroundings(session: Session, entry: TransactionEntry) -> Surroundings[TransactionEntry]:
    """What stands around a financial event; of its object and what else owns it each once."""
    owners = {entry.refund_id: "refundId", entry.payment_id: "paymentId", entry.payout_id: "payoutId"}
    once = {**owners, entry.entity_id: "entityId"}
    named = {key: value for value, key in once.items() if value}
    request = transactions_of_request(session, entry.request_id, entry.created_at)
    return _surroundings(session, MONEY, entry, {key: named[key] for key in MONEY.names if key in named}, request)


def _surroundings(
    session: Session,
    book: _Book,
    entry: E,
    named: Mapping[str, str],
    request: Sequence[E],
    newer: int = AROUND,
    older: int = AROUND,
) -> Surroundings[E]:
    before, after = _beside(session, book, entry, None, None, newer, older)
    siblings = []
    for key, value in islice(named.items(), MOST_THINGS):
        sides = _beside(session, book, entry, key, value, 1, 1)
        siblings.append(Siblings(key, *(_nearest(rows) for rows in sides)))
    return Surroundings(after[::-1], before, request, siblings)


def _nearest(rows: Sequence[LogEntry | TransactionEntry]) -> Sibling | None:
    for row in rows:
        return Sibling(row.id, row.type if isinstance(row, LogEntry) else row.event_type, row.created_at)
    return None


def _beside(
    session: Session, book: _Book, entry: E, key: str | None, value: str | None, newer: int, older: int
) -> tuple[list[E], list[E]]:
    """The rows before one and those after it, the nearest first, of all or of those that name a thing."""
    given = {"thing": value, "at": entry.created_at, "id": entry.id, "newer": newer, "older": older}
    found: tuple[list[E], list[E]] = ([], [])
    for is_after, *row in session.connection().execute(_statement(book, key), given).all():
        found[is_after].append(type(entry)(*row))
    return found


@cache
def _statement(book: _Book, key: str | None) -> Any:
    """One walk of an index in each direction."""
    at, row_id = book.table.created_at, book.table.id
    place, here = tuple_(at, row_id), tuple_(bindparam("at"), bindparam("id"))
    named = [] if key is None else [book.names[key] == bindparam("thing")]
    before = select(literal_column("0", Integer), *book.columns).where(*named, at <= bindparam("at"), place < here)
    after = select(literal_column("1", Integer), *book.columns).where(*named, at >= bindparam("at"), place > here)
    return union_all(
        before.order_by(at.desc(), row_id.desc()).limit(bindparam("older")),
        after.order_by(at, row_id).limit(bindparam("newer")),
    ).execution_options(kept_plan=True)
