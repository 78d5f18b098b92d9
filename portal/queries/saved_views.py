"""Saved views: one's own and those that others share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
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


def views_for(session: Session, user_id: UUID, book: Book | None = None) -> Sequence[ViewEntry]:
    """The views that somebody sees, by name: their own first."""
    query = _visible(user_id) if book is None else _visible(user_id).where(SavedView.book == book)
    rows: Any = session.execute(query.order_by(SavedView.owner_id != user_id, SavedView.name_key))
    return [ViewEntry(*row) for row in rows]


def find_own_view(session: Session, view_id: UUID, user_id: UUID) -> ViewEntry | None:
    """The view of an id when it is this person's."""
    own = _visible(user_id).where(SavedView.id == view_id, SavedView.owner_id == user_id)
    row: Any = session.execute(own).first()
    return None if row is None else ViewEntry(*row)


def _visible(user_id: UUID) -> Any:
    query = select(*COLUMNS).join(User, User.id == SavedView.owner_id)
    return query.where(or_(SavedView.owner_id == user_id, SavedView.is_shared))
