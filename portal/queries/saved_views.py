"""Saved views: one's own and those that others share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session

from portal.models import Book, SavedView, User


@dataclass(frozen=True, slots=True)
class ViewEntry:
    """One saved view, and whose it is."""

    id: UUID
    book: Book
    name: str
    query: str
    is_shared: bool
    version: int
    owner_id: UUID
    owner: str


COLUMNS = (
    SavedView.id,
    SavedView.book,
    SavedView.name,
    SavedView.query,
    SavedView.is_shared,
    SavedView.version,
    SavedView.owner_id,
    User.name,
)


VISIBLE = (
    select(*COLUMNS)
    .join(User, User.id == SavedView.owner_id)
    .where(or_(SavedView.owner_id == bindparam("user"), SavedView.is_shared))
    .execution_options(kept_plan=True)
)
IN_ORDER = VISIBLE.order_by(SavedView.owner_id != bindparam("user"), SavedView.name_key)
OF_BOOK = IN_ORDER.where(SavedView.book == bindparam("of"))
OWN = VISIBLE.where(SavedView.id == bindparam("view"), SavedView.owner_id == bindparam("user"))
"""Built once: every page of an explorer asks."""


def views_for(session: Session, user_id: UUID, book: Book | None = None) -> Sequence[ViewEntry]:
    """The views that somebody sees, by name: their own first."""
    asked, given = (IN_ORDER, {}) if book is None else (OF_BOOK, {"of": book})
    rows: Any = session.connection().execute(asked, {"user": user_id, **given})
    return [ViewEntry(*row) for row in rows]


def find_own_view(session: Session, view_id: UUID, user_id: UUID) -> ViewEntry | None:
    """The view of an id when it is this person's."""
    row: Any = session.execute(OWN, {"view": view_id, "user": user_id}).first()
    return None if row is None else ViewEntry(*row)
