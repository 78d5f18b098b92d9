"""How rows reach the books: joined to a session's transaction, or apart on a short one of their own.

A joined row waits in the session and is inserted with its neighbours just before the commit. A row
written apart outlives whatever the caller rolls back.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, cast

from sqlalchemy import Connection, Engine, Table, insert
from sqlalchemy.orm import Session

from portal.audit.actor import current_request_id
from portal.audit.catalogue import CatalogueViolation, violations
from portal.audit.redaction import clean_metadata, clean_text
from portal.models import Log, LogActor, LogLevel, TransactionLog

JOINED = "audit rows"
Book = type[Log] | type[TransactionLog]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a book, cleaned and ready to insert."""

    book: Book
    values: dict[str, Any]


@dataclass(slots=True)
class _Settings:
    """Where rows written apart go. `strict` turns a catalogue violation into an exception."""

    engine: Engine | None = None
    strict: bool = False
    violations: dict[str, int] = field(default_factory=dict)


_settings = _Settings()


def configure(engine: Engine, *, strict: bool) -> None:
    """Say where rows written apart go; called once by create_app()."""
    _settings.engine = engine
    _settings.strict = strict


def violation_counts() -> dict[str, int]:
    """How often each type broke the catalogue since this process started."""
    return dict(_settings.violations)


def log_row(
    type: str, level: LogLevel, actor: LogActor, actor_id: str | None, message: str, metadata: dict[str, Any]
) -> Row:
    """A row of `log`. Raises CatalogueViolation in tests; elsewhere the violation is kept in the row."""
    wrong = violations(type, level, metadata)
    if wrong and _settings.strict:
        raise CatalogueViolation(f"{type}: {'; '.join(wrong)}")
    if wrong:
        _settings.violations[type] = _settings.violations.get(type, 0) + 1
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
    """Record `row`: joined to `session`, returning None, or apart at once, returning the new row's id."""
    if session is not None:
        session.info.setdefault(JOINED, []).append(row)
        return None
    if _settings.engine is None:
        raise RuntimeError("audit.writer is not configured: call create_app() first")
    table = _table(row.book)
    with _settings.engine.begin() as connection:
        row_id: int | None = connection.scalar(insert(table).values(row.values).returning(table.c.id))
    emit([row])
    return row_id


def insert_joined(session: Session) -> list[Row]:
    """Insert what waits in `session`, one statement a book, and return it for emit() after the commit."""
    rows: list[Row] = session.info.pop(JOINED, [])
    if rows:
        for book in (Log, TransactionLog):
            _insert(session.connection(), book, [row.values for row in rows if row.book is book])
    return rows


def forget_joined(session: Session) -> None:
    """Drop what waits in `session`: its transaction was rolled back."""
    session.info.pop(JOINED, None)


def _insert(connection: Connection, book: Book, values: list[dict[str, Any]]) -> None:
    """One statement for all rows that name the same columns: it is compiled once, not for each commit."""
    for _, alike in groupby(values, key=lambda row: sorted(row)):
        connection.execute(insert(_table(book)), list(alike))


def _table(book: Book) -> Table:
    return cast(Table, book.__table__)


def emit(rows: Sequence[Row]) -> None:
    """Write each row to stderr as one JSON line."""
    for row in rows:
        line = {"book": row.book.__tablename__, **row.values}
        sys.stderr.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
