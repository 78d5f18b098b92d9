"""How rows reach the books: joined to a session's transaction, or apart on a short one of their own.

A joined row waits in the session and is inserted with its neighbours just before the commit. A row
written apart outlives whatever the caller rolls back; while the database is gone it waits in the spool.
"""

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from itertools import groupby
from typing import Any, cast

from sqlalchemy import Connection, Engine, Insert, Table, insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert

from portal.audit.actor import current_request_id
from portal.audit.catalogue import CatalogueViolation, violations
from portal.audit.outage import Outage, is_unreachable
from portal.audit.redaction import clean_metadata, clean_text
from portal.audit.spool import Spool
from portal.models import Log, LogActor, LogLevel, TransactionLog

JOINED = "audit rows"
UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What JSON leaves as it is and a terminal or a collector of logs does not: C1 controls, line ends, bidi marks."""
Book = type[Log] | type[TransactionLog]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a book, cleaned and ready to insert."""

    book: Book
    values: dict[str, Any]


@dataclass(slots=True)
class Apart:
    """Where rows written apart go. `strict` turns a catalogue violation into an exception."""

    engine: Engine | None = None
    spool: Spool | None = None
    strict: bool = False
    violations: dict[str, int] = field(default_factory=dict)
    outage: Outage = field(default_factory=Outage)


_apart = Apart()


def configure(engine: Engine, *, strict: bool, spool: Spool | None = None) -> None:
    """Say where rows written apart go, and where they wait without a database; called once by create_app()."""
    _apart.engine, _apart.spool = engine, spool
    _apart.strict = strict
    _apart.outage = Outage()


def rows_wait() -> bool:
    """Whether rows that the database has not taken yet wait on disk."""
    return _apart.spool is not None and _apart.spool.waits()


def apart() -> Apart:
    """Where rows written apart go from this process."""
    return _apart


def note_outage() -> None:
    """The database was asked in vain: keep when this began, that it be told though no row waits."""
    if _apart.outage.noticed() and _apart.spool is not None:
        _apart.spool.append({"at": _moment()})


def violation_counts() -> dict[str, int]:
    """How often each type broke the catalogue since this process started."""
    return dict(_apart.violations)


def log_row(
    type: str, level: LogLevel, actor: LogActor, actor_id: str | None, message: str, metadata: dict[str, Any]
) -> Row:
    """A row of `log`. Raises CatalogueViolation in tests; elsewhere the violation is kept in the row."""
    wrong = violations(type, level, metadata)
    if wrong and _apart.strict:
        raise CatalogueViolation(f"{type}: {'; '.join(wrong)}")
    if wrong:
        _apart.violations[type] = _apart.violations.get(type, 0) + 1
        metadata = {**metadata, "catalogueViolation": wrong}
    values = {"level": level, "type": type, "actor": actor, "actor_id": actor_id}
    return Row(Log, values | _cleaned(metadata) | {"message": clean_text(message)})


def transaction_row(metadata: dict[str, Any], error_message: str | None, **values: Any) -> Row:
    """A row of `transaction_log`."""
    error = None if error_message is None else clean_text(error_message)
    return Row(TransactionLog, values | _cleaned(metadata) | {"error_message": error})


def _cleaned(metadata: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": clean_metadata(metadata), "request_id": current_request_id()}


def write(row: Row, session: Session | None) -> int | None:
    """Record `row`: joined to `session`, or apart at once, returning its id; None also when it waits on disk."""
    if session is not None:
        session.info.setdefault(JOINED, []).append(row)
        return None
    row_id = _write_apart(row)
    emit([row])
    return row_id


def _write_apart(row: Row) -> int | None:
    if _apart.engine is None:
        raise RuntimeError("audit.writer is not configured: call create_app() first")
    if _apart.spool is not None and _apart.outage.resting:
        _keep(row, _apart.spool, None)
        return None
    stored = None
    try:
        with _apart.engine.begin() as connection:
            stored = connection.execute(_adding_one(row.book), row.values).one()
    except SQLAlchemyError as error:
        if _apart.spool is None or not is_unreachable(error):
            raise
        _apart.outage.noticed()
        doubt = None if stored is None else {"id": stored.id, "createdAt": stored.created_at.isoformat()}
        _keep(row, _apart.spool, doubt)
        return None
    return int(stored.id)


def _keep(row: Row, spool: Spool, doubt: dict[str, Any] | None) -> None:
    """Let `row` wait on disk; `doubt` is where it stands if the commit came through though its answer did not."""
    line = {"at": _moment(), "book": row.book.__tablename__, "values": row.values, "stored": doubt}
    if not spool.append(line):
        _apart.outage.dropped += 1
        sys.stderr.write("the spool takes no more: the next line is the only trace of its row\n")


def _moment() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def insert_joined(session: Session) -> list[Row]:
    """Insert what waits in `session`, one statement a book, and return it for emit() after the commit."""
    rows: list[Row] = session.info.pop(JOINED, [])
    if rows:
        for book in (Log, TransactionLog):
            insert_rows(session.connection(), book, [row.values for row in rows if row.book is book])
    return rows


def forget_joined(session: Session) -> None:
    """Drop what waits in `session`: its transaction was rolled back."""
    session.info.pop(JOINED, None)


def insert_rows(connection: Connection, book: Book, values: list[dict[str, Any]]) -> None:
    """Insert rows of one book: one statement for all that name the same columns, compiled once."""
    for _, alike in groupby(values, key=lambda row: sorted(row)):
        connection.execute(_adding(book), list(alike))


@cache
def _adding(book: Book) -> Insert:
    return insert(_table(book))


@cache
def _adding_one(book: Book) -> ReturningInsert[Any]:
    """Made once a book: to build and to recognise a statement takes as long as to run it."""
    table = _table(book)
    return insert(table).returning(table.c.id, table.c.created_at)


def _table(book: Book) -> Table:
    return cast(Table, book.__table__)


def emit(rows: Sequence[Row]) -> None:
    """Write each row to stderr as one JSON line, all in one go; what moves a cursor is spelt out."""
    lines = [{"book": row.book.__tablename__, **row.values} for row in rows]
    told = "".join(json.dumps(line, ensure_ascii=False, default=str) + "\n" for line in lines)
    sys.stderr.write(UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", told))
