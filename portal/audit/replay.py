"""The database is back: what waited in the spool is stored once, in the order of its time, and the outage told.

Everything that waits is one transaction with a mark for each file. A process killed before the commit has
stored nothing; one killed after it left files whose marks say that they are stored.
"""

import json
import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Table, Uuid, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from portal.audit.actor import operation
from portal.audit.catalogue import CATALOGUE
from portal.audit.outage import Outage, is_unreachable
from portal.audit.spool import Spool
from portal.audit.writer import Book, Row, emit, insert_rows, log_row
from portal.models import Log, LogActor, Setting, TransactionLog

BATCH = 500
MARK = "spool:"
MARKS_KEPT = timedelta(days=7)
BOOKS: dict[str, Book] = {"log": Log, "transaction_log": TransactionLog}
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file: a row that waits, or only the moment at which an outage was noticed."""

    file: str
    raw: bytes
    at: datetime
    row: Row | None
    stored: dict[str, Any] | None


@dataclass(slots=True)
class Told:
    """What a replay found."""

    lines: list[Line] = field(default_factory=list)
    aside: dict[str, list[bytes]] = field(default_factory=dict)
    rows: int = 0

    def set_aside(self, file: str, raw: bytes) -> None:
        """Keep a line out, for a human."""
        self.aside.setdefault(file, []).append(raw)


def replay(engine: Engine, spool: Spool, outage: Outage) -> int:
    """Store what waits, and tell the outage; how many rows that were. Raises while the database is gone."""
    if not spool.waits() and not outage.dropped:
        if outage.began is not None:
            _ask(engine, outage)
        return 0
    with spool.turn() as mine:
        return _replay(engine, spool, outage) if mine else 0


def _ask(engine: Engine, outage: Outage) -> None:
    """Another process has told the outage: this one only learns that it is over."""
    with engine.connect():
        outage.over()


def _replay(engine: Engine, spool: Spool, outage: Outage) -> int:
    with engine.begin() as connection, operation():
        until = datetime.now(UTC)
        files = spool.seal()
        told = _read(_mark(connection, files))
        _store(connection, told)
        _keep_aside(spool, told.aside)
        critical = _tell(connection, told, outage, until)
    for path in files:
        spool.forget(path)
    outage.over()
    emit(critical)
    return told.rows


def _mark(connection: Connection, files: Sequence[Path]) -> list[Path]:
    """Mark the files as stored; those that were not marked before."""
    table = _table(Setting)
    now = datetime.now(UTC)
    here = [MARK + path.stem for path in files]
    old = (table.c.name.startswith(MARK), table.c.name.not_in(here), table.c.set_at < now - MARKS_KEPT)
    connection.execute(delete(table).where(*old))
    fresh = []
    for path in files:
        mark = insert(table).values(name=MARK + path.stem, value=path.stat().st_size, set_at=now)
        if connection.execute(mark.on_conflict_do_nothing().returning(table.c.name)).first() is not None:
            fresh.append(path)
    return fresh


def _read(files: Sequence[Path]) -> Told:
    """Every line of the files in the order of its time; what is torn or meaningless is set aside."""
    told = Told()
    for path in files:
        for raw in filter(None, path.read_bytes().split(b"\n")):
            try:
                told.lines.append(_line(path.stem, raw))
            except Exception:  # whatever it says, it stops no other line
                told.set_aside(path.stem, raw)
    told.lines.sort(key=lambda line: line.at)
    return told


def _line(file: str, raw: bytes) -> Line:
    said = json.loads(raw)
    at = datetime.fromisoformat(said["at"]).astimezone(UTC)
    if "book" not in said:
        return Line(file, raw, at, None, None)
    book = BOOKS[said["book"]]
    values = {**said["values"], "metadata": {**said["values"]["metadata"], "spooledAt": said["at"]}}
    for column in _table(book).c:
        if isinstance(column.type, Uuid) and values.get(column.name) is not None:
            values[column.name] = UUID(values[column.name])
    return Line(file, raw, at, Row(book, values), said.get("stored"))


def _store(connection: Connection, told: Told) -> None:
    """Insert the rows book by book; one that the database refuses is set aside and stops no other."""
    waiting = [line for line in told.lines if line.row is not None and not _is_stored(connection, line)]
    for book in BOOKS.values():
        lines = [line for line in waiting if line.row is not None and line.row.book is book]
        for batch in (lines[start : start + BATCH] for start in range(0, len(lines), BATCH)):
            told.rows += _insert(connection, book, batch, told)


def _is_stored(connection: Connection, line: Line) -> bool:
    """Whether the commit whose answer was lost had come through."""
    if line.row is None or line.stored is None:
        return False
    table = _table(line.row.book)
    created_at = datetime.fromisoformat(line.stored["createdAt"])
    same = (table.c.id == line.stored["id"], table.c.created_at == created_at)
    mine = table.c.request_id == line.row.values["request_id"]
    return connection.scalar(select(table.c.id).where(*same, mine)) is not None


def _insert(connection: Connection, book: Book, lines: Sequence[Line], told: Told) -> int:
    """Insert together, else in halves down to the lines that are refused; how many were stored."""
    try:
        with connection.begin_nested():
            insert_rows(connection, book, [line.row.values for line in lines if line.row is not None])
    except (SQLAlchemyError, LookupError, ValueError, TypeError) as error:
        if is_unreachable(error):
            raise
    else:
        return len(lines)
    if len(lines) == 1:
        told.set_aside(lines[0].file, lines[0].raw)
        return 0
    half = len(lines) // 2
    return _insert(connection, book, lines[:half], told) + _insert(connection, book, lines[half:], told)


def _keep_aside(spool: Spool, aside: dict[str, list[bytes]]) -> None:
    """Put lines that cannot be stored into files of their own, or on stderr when the disk takes none."""
    for name, lines in aside.items():
        try:
            spool.set_aside(name, lines)
            log.error("%d spooled lines cannot be stored; they are kept in %s", len(lines), spool.aside / name)
        except OSError:
            sys.stderr.writelines(f"a spooled line cannot be stored: {line!r}\n" for line in lines)


def _tell(connection: Connection, told: Told, outage: Outage, until: datetime) -> list[Row]:
    """DATABASE_CONNECTION_LOST: from when, until when, how many rows waited; none when there is nothing new."""
    moments = list(_moments(told, outage))
    if not moments and not told.aside:
        return []
    facts = {
        "dbHost": connection.engine.url.host or connection.engine.url.query.get("host") or "localhost",
        "retryAttempt": outage.attempts,
        "spooledLogs": told.rows,
        "from": min(moments, default=until),
        "until": until,
        "droppedLogs": outage.dropped,
        "keptAside": sum(map(len, told.aside.values())),
    }
    spec = CATALOGUE["DATABASE_CONNECTION_LOST"]
    row = log_row(spec.type, spec.level, LogActor.SYSTEM, None, spec.describe(facts), facts)
    insert_rows(connection, row.book, [row.values])
    return [row]


def _moments(told: Told, outage: Outage) -> Iterator[datetime]:
    yield from (line.at for line in told.lines)
    if outage.dropped and outage.began is not None:
        yield outage.began


def _table(model: Any) -> Table:
    table: Table = model.__table__
    return table
