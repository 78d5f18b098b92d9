"""Which rows of both books, and which of Stripe's events, are about one thing."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal.queries.log_entry import LONGEST_REQUEST
from portal.queries.paging import read_within
from portal.queries.trace_items import TraceItem, of_stripe
from portal.queries.trace_statements import TraceKind as TraceKind
from portal.queries.trace_statements import beside, naming, stripe

MOST = 500
"""Rows of one book that a trace shows, the newest ones."""


@dataclass(frozen=True, slots=True)
class About:
    """The rows of one thing, up to `until`, at most so many of a book.

    `creator_id` keeps out what a job's run did for other creators.
    """

    kind: TraceKind
    id: str
    creator_id: str | None = None
    until: datetime | None = None
    most: int = MOST


def book_rows(session: Session, about: About) -> tuple[Sequence[TraceItem], Sequence[TraceItem]]:
    """Rows of both books that name the thing, and what their requests also wrote about it.

    Newest first, one more of a book than shown.
    """
    found = _both_books(session, about, naming(about.kind, bounded=about.until is not None), id=about.id)
    if found and about.kind is not TraceKind.REQUEST:
        moments = [row.created_at for row in found]
        latest = max(moments) + LONGEST_REQUEST
        found += _both_books(
            session,
            about,
            beside(about.kind),
            id=about.id,
            creator=about.creator_id,
            requests=list({row.request_id for row in found}),
            since=min(moments) - LONGEST_REQUEST,
            until=min(latest, about.until or latest),
        )
    return _first(found, "log", about.most), _first(found, "transaction_log", about.most)


def log_rows(session: Session, about: About) -> Sequence[TraceItem]:
    """The same of the log alone."""
    return book_rows(session, about)[0]


def stripe_rows(
    session: Session, ids: Collection[str], objects: Collection[str], about: About
) -> Sequence[TraceItem]:
    """Stripe's events that rows name, and those about one of Stripe's objects; what was received last first."""
    if not ids and not objects:
        return []
    statement = stripe(bounded=about.until is not None)
    return [of_stripe(row) for row in _read(session, about, statement, ids=list(ids), objects=list(objects))]


def _both_books(session: Session, about: About, statement: Any, **given: Any) -> list[TraceItem]:
    return [TraceItem(*row) for row in _read(session, about, statement, **given)]


def _read(session: Session, about: About, statement: Any, **given: Any) -> Sequence[Any]:
    values = {"until": about.until, "most": about.most + 1, **given}
    return read_within(session, statement, values, blame=("id", about.id))


def _first(rows: Iterable[TraceItem], book: str, most: int) -> Sequence[TraceItem]:
    """Each row of a book once, newest first."""
    once = {row.id: row for row in rows if row.book == book}.values()
    return sorted(once, key=lambda row: (row.created_at, row.id), reverse=True)[: most + 1]
