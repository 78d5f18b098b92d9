"""The events before and after one, of each thing that it names: one statement, each arm by its own index."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, literal, or_, select, union_all
from sqlalchemy.orm import Session

from portal.models import Log, TransactionLog
from portal.models.log import TRACED_KEYS
from portal.queries.log_entry import AROUND, LogEntry
from portal.queries.paging import Cursor, Order
from portal.queries.transaction_entry import COLUMNS, TransactionEntry

MOST_THINGS = 5
OWNERS = {
    "entityId": TransactionLog.entity_id,
    "payoutId": TransactionLog.payout_id,
    "paymentId": TransactionLog.payment_id,
    "refundId": TransactionLog.refund_id,
}


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


def log_siblings(session: Session, entry: LogEntry) -> Sequence[Siblings]:
    """Of each thing that an event of the log names, the most particular first."""
    named = {key: (Log.details[key].astext, entry.details.get(key)) for key in TRACED_KEYS}
    return _found(session, Log, Log.type, entry, named)


def transaction_siblings(session: Session, entry: TransactionEntry) -> Sequence[Siblings]:
    """Of the object of a financial event, and of what else owns it."""
    values = {"entityId": entry.entity_id, "payoutId": entry.payout_id, "paymentId": entry.payment_id}
    values["refundId"] = entry.refund_id
    once = {value: key for key, value in reversed(values.items()) if value}
    named = {key: (OWNERS[key], value) for value, key in reversed(once.items())}
    return _found(session, TransactionLog, TransactionLog.event_type, entry, named)


def transactions_around(
    session: Session, entry: TransactionEntry
) -> tuple[Sequence[TransactionEntry], Sequence[TransactionEntry]]:
    """The financial events right after and right before one, whatever they are, each newest first."""
    after = _beside(session, Order(Cursor(entry.created_at, entry.id, backwards=True)))
    return after[::-1], _beside(session, Order(Cursor(entry.created_at, entry.id)))


def _beside(session: Session, order: Order) -> list[TransactionEntry]:
    place = (TransactionLog.created_at, TransactionLog.id)
    query = select(*COLUMNS).where(*order.conditions(*place)).order_by(*order.columns(*place)).limit(AROUND)
    rows: Any = session.execute(query)
    return [TransactionEntry(*row) for row in rows]


def _found(
    session: Session, book: Any, type_: Any, entry: LogEntry | TransactionEntry, named: Mapping[str, Any]
) -> Sequence[Siblings]:
    present = {key: pair for key, pair in named.items() if isinstance(pair[1], str) and pair[1]}
    keys = list(present)[:MOST_THINGS]
    if not keys:
        return []
    sides = [(key, is_after) for key in keys for is_after in (False, True)]
    arms = [_arm(book, type_, entry, key, present[key], is_after) for key, is_after in sides]
    rows = session.execute(union_all(*arms))
    found = {(row.key, row.is_after): Sibling(row.id, row.type, row.at) for row in rows}
    return [Siblings(key, found.get((key, False)), found.get((key, True))) for key in keys]


def _arm(book: Any, type_: Any, entry: Any, key: str, named: tuple[Any, str], is_after: bool) -> Any:
    """The nearest row of the thing on one side; the first condition lets partitions be left alone."""
    at, here = book.created_at, (entry.created_at, entry.id)
    if is_after:
        side = and_(at >= here[0], or_(at > here[0], book.id > here[1]))
        order = (at, book.id)
    else:
        side = and_(at <= here[0], or_(at < here[0], book.id < here[1]))
        order = (at.desc(), book.id.desc())
    names = (literal(key).label("key"), literal(is_after).label("is_after"))
    query = select(*names, book.id.label("id"), type_.label("type"), at.label("at")).where(
        named[0] == named[1], side
    )
    return select(query.order_by(*order).limit(1).subquery())
