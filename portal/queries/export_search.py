"""Exports that were made, newest first, and the manifest of one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import Book, ExportFormat, LogExport
from portal.models import ExportState as ExportState
from portal.queries.paging import Order, Page, cut_page, parse_cursor, parse_limit, read_within
from portal.queries.parameters import Arguments, member, one, refuse_unknown

PARAMETERS = ("book", "state", "cursor", "limit")
GIVEN_UP = timedelta(minutes=20)
"""Whoever has not ended by then was killed: exports take fifteen minutes at most."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an export holds and how it ended; `sha256` only of a whole one."""

    id: UUID
    created_at: datetime
    book: Book
    format: ExportFormat
    filters: Mapping[str, Sequence[str]]
    asked_by: str
    request_id: UUID
    ended_at: datetime | None
    state: ExportState
    rows: int
    bytes: int
    sha256: str | None
    error: str | None

    @property
    def is_complete(self) -> bool:
        """Whether a file with this digest is the whole result."""
        return self.state is ExportState.COMPLETE

    def is_lost(self, now: datetime) -> bool:
        """Whether its process must have died: nobody recorded its end."""
        return self.state is ExportState.RUNNING and now - self.created_at > GIVEN_UP

    @property
    def name(self) -> str:
        """The name of its file."""
        book = "journal-systeme" if self.book is Book.LOG else "transactions"
        return f"{book}-{self.created_at:%Y%m%dT%H%M%SZ}-{self.id}.{self.format}"


COLUMNS = (
    LogExport.id,
    LogExport.started_at,
    LogExport.book,
    LogExport.format,
    LogExport.filters,
    LogExport.asked_by,
    LogExport.request_id,
    LogExport.ended_at,
    LogExport.state,
    LogExport.row_count,
    LogExport.byte_count,
    LogExport.sha256,
    LogExport.error,
)


@dataclass(frozen=True, slots=True)
class ExportSearch:
    """Which exports to show."""

    book: Book | None = None
    state: ExportState | None = None
    order: Order = field(default_factory=Order)
    limit: int = 50

    @classmethod
    def from_args(cls, args: Arguments) -> "ExportSearch":
        """The search that an address asks for. Raises BadParameter."""
        refuse_unknown(args, PARAMETERS)
        book, state = one(args, "book"), one(args, "state")
        return cls(
            book=member("book", book, Book) if book else None,
            state=member("state", state, ExportState) if state else None,
            order=Order(parse_cursor(one(args, "cursor"), UUID)),
            limit=parse_limit(one(args, "limit")),
        )

    def statement(self) -> Any:
        """One row more than a page holds."""
        place = (LogExport.started_at, LogExport.id)
        query = select(*COLUMNS).where(*self.order.conditions(*place))
        if self.book is not None:
            query = query.where(LogExport.book == self.book)
        if self.state is not None:
            query = query.where(LogExport.state == self.state)
        return query.order_by(*self.order.columns(*place)).limit(self.limit + 1)

    def page(self, session: Session) -> Page[Manifest]:
        """The page at the cursor."""
        rows = read_within(session, self.statement(), blame=("cursor", ""))
        return cut_page([Manifest(*row) for row in rows], self.limit, self.order.cursor)


def find_manifest(session: Session, export_id: UUID) -> Manifest | None:
    """The manifest of an id, as it stands now."""
    row: Any = session.execute(select(*COLUMNS).where(LogExport.id == export_id)).first()
    return None if row is None else Manifest(*row)
