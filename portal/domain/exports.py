"""Exports of the books: recorded before the first row leaves and when the last one has, however it ends."""

import hashlib
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from portal.audit.actor import Actor, current_request_id
from portal.audit.system_log import log_error, log_info, log_warning
from portal.domain.work import Clock, UnitOfWork
from portal.models import Book, ExportFormat, ExportState, LogExport, uuid7

LONGEST = timedelta(minutes=15)
"""An export takes no longer: its snapshot keeps dead rows of every table from being cleaned away."""


class ExportTooLong(Exception):
    """The time for an export is over."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants exported; `filters` are the address's, times absolute. `by` is their name."""

    book: Book
    format: ExportFormat
    filters: Mapping[str, Sequence[str]]
    by: str


@dataclass(slots=True)
class Exporting:
    """One export under way: who takes what, and what has left so far."""

    id: UUID
    asked: Asked
    actor: Actor
    began: float = field(default_factory=time.monotonic)
    rows: int = 0
    size: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    def add(self, rows: int, piece: bytes) -> None:
        """Count a piece that is about to leave."""
        self.rows += rows
        self.size += len(piece)
        self.digest.update(piece)

    @property
    def seconds(self) -> float:
        """How long it has taken."""
        return time.monotonic() - self.began

    @property
    def intent(self) -> dict[str, Any]:
        """What is known before the first row leaves."""
        asked = self.asked
        facts: dict[str, Any] = {"exportId": self.id, "adminId": self.actor.id, "book": asked.book}
        return facts | {"format": asked.format, "filters": dict(asked.filters), "askedBy": asked.by}

    @property
    def facts(self) -> dict[str, Any]:
        """What is known at the end."""
        sent = {"rows": self.rows, "bytes": self.size, "sha256": self.digest.hexdigest()}
        return self.intent | sent | {"durationMs": round(self.seconds * 1000)}


def begin_export(session: Session, *, asked: Asked, actor: Actor, now: datetime) -> Exporting:
    """Record who is about to take what, before the first row leaves."""
    export = Exporting(uuid7(), asked, actor)
    row = LogExport(
        id=export.id,
        book=asked.book,
        format=asked.format,
        filters=dict(asked.filters),
        user_id=actor.user_id,
        asked_by=asked.by[:200],
        request_id=current_request_id(),
        started_at=now,
        state=ExportState.RUNNING,
    )
    session.add(row)
    log_info("LOGS_EXPORT_STARTED", actor.kind, None, actor.id, export.intent, session=session)
    return export


def export_pieces(
    unit_of_work: UnitOfWork,
    *,
    export: Exporting,
    batches: Iterable[tuple[int, bytes]],
    clock: Clock,
    longest: timedelta | None = LONGEST,
) -> Generator[bytes, None, None]:
    """The file's pieces; records count and digest at the end, or that and why it was cut.

    Whatever breaks it is raised again, so that no half file ends like a whole one.
    """
    try:
        for rows, piece in batches:
            if longest is not None and export.seconds > longest.total_seconds():
                raise ExportTooLong(f"{longest} are over")  # noqa: TRY301 -- ends as every other error does
            export.add(rows, piece)
            yield piece
    except BaseException as error:
        state, why = _broken_by(error)
        _end(unit_of_work, export, state, why, clock())
        raise
    _end(unit_of_work, export, ExportState.COMPLETE, None, clock())


def _broken_by(error: BaseException) -> tuple[ExportState, str]:
    if isinstance(error, GeneratorExit | KeyboardInterrupt):
        return ExportState.CUT, "reader_gone"
    if isinstance(error, ExportTooLong):
        return ExportState.CUT, "too_long"
    return ExportState.FAILED, type(getattr(error, "orig", None) or error).__name__


def _end(unit_of_work: UnitOfWork, export: Exporting, state: ExportState, why: str | None, now: datetime) -> None:
    """Record the end, apart where the database that broke the export does not take it."""
    try:
        with unit_of_work() as session:
            record = update(LogExport).where(LogExport.id == export.id)
            session.execute(record.values(_ending(export, state, why, now)))
            _tell(export, state, why, session)
    except DBAPIError:
        if state is ExportState.COMPLETE:
            raise  # a file without a record is not whole
        _tell(export, state, why, None)


def _ending(export: Exporting, state: ExportState, why: str | None, now: datetime) -> dict[str, Any]:
    """Only the columns of the end: the others are nobody's to change."""
    digest = export.digest.hexdigest() if state is ExportState.COMPLETE else None
    sent = {"row_count": export.rows, "byte_count": export.size, "sha256": digest}
    return {"state": state, "ended_at": now, "error": why, **sent}


def _tell(export: Exporting, state: ExportState, why: str | None, session: Session | None) -> None:
    kind, who = export.actor.kind, export.actor.id
    if state is ExportState.COMPLETE:
        log_info("LOGS_EXPORTED", kind, None, who, export.facts, session=session)
    elif state is ExportState.CUT:
        cut = export.facts | {"reason": why}
        log_warning("LOGS_EXPORT_INTERRUPTED", kind, None, who, cut, session=session)
    else:
        failed = export.facts | {"errorType": why}
        log_error("LOGS_EXPORT_FAILED", kind, None, who, failed, session=session)
