"""Saved views of the books: one's own, under names that are one's own or, shared, everybody's."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.audit.actor import Actor
from portal.audit.system_log import log_admin_action, log_warning
from portal.domain.errors import NotFound, ViewRefused
from portal.models import Book as Book
from portal.models import SavedView, uuid7

LONGEST_NAME, LONGEST_QUERY, MOST_VIEWS = 60, 4000, 100
EVENT = "LOG_VIEW_REFUSED"


def save_view(
    session: Session, *, book: Book, name: str, query: str, shared: bool, actor: Actor, now: datetime
) -> UUID:
    """Keep a search under a name. Raises ViewRefused when the name is taken, or there are too many."""
    name = _valid_name(name, actor)
    if len(query) > LONGEST_QUERY:
        too_long = "Cette recherche est trop longue pour être enregistrée."
        raise _refused(actor, "query_too_long", too_long, status=422)
    owned = session.scalar(select(func.count()).where(SavedView.owner_id == actor.user_id))
    if (owned or 0) >= MOST_VIEWS:
        words = {"most": MOST_VIEWS}
        raise _refused(actor, "too_many", "Vous avez déjà %(most)s vues : supprimez-en d’abord.", words)
    view = SavedView(id=uuid7(), book=book, query=query, owner_id=actor.user_id, updated_at=now)
    _call(view, name, shared)
    session.add(view)
    _write(session, view, actor)
    facts = _facts(view, actor) | {"query": query}
    log_admin_action("LOG_VIEW_SAVED", actor.id, metadata=facts, session=session)
    return view.id


def change_view(
    session: Session, *, view_id: UUID, name: str, shared: bool, seen_version: int, actor: Actor, now: datetime
) -> None:
    """Rename one's own view, share it or not. Raises ViewRefused when it changed since it was seen."""
    view = _own(session, view_id, actor)
    name = _valid_name(name, actor)
    if view.version != seen_version:
        words = {"name": view.name}
        message = "Cette vue a changé entre-temps : elle s’appelle maintenant « %(name)s »."
        raise _refused(actor, "version", message, words)
    previous = view.name
    _call(view, name, shared)
    view.version += 1
    view.updated_at = now
    _write(session, view, actor)
    facts = _facts(view, actor) | {"previousName": previous}
    log_admin_action("LOG_VIEW_CHANGED", actor.id, metadata=facts, session=session)


def delete_view(session: Session, *, view_id: UUID, actor: Actor) -> str:
    """Forget one's own view; its name. Raises NotFound for anybody else's, and the second time."""
    view = _own(session, view_id, actor)
    session.delete(view)
    log_admin_action("LOG_VIEW_DELETED", actor.id, metadata=_facts(view, actor), session=session)
    return view.name


def _own(session: Session, view_id: UUID, actor: Actor) -> SavedView:
    view = session.get(SavedView, view_id, with_for_update=True, populate_existing=True)
    if view is None or view.owner_id != actor.user_id:
        raise NotFound("Cette vue n’existe pas.", event=EVENT)
    return view


def _valid_name(name: str, actor: Actor) -> str:
    clean = " ".join(name.replace("\x00", "").split())
    if not clean.isprintable() or not 0 < len(clean) <= LONGEST_NAME:
        words = {"most": LONGEST_NAME}
        raise _refused(actor, "name", "Donnez un nom de 1 à %(most)s caractères.", words, status=422)
    return clean


def _call(view: SavedView, name: str, shared: bool) -> None:
    view.name, view.name_key, view.is_shared = name, name.casefold(), shared


def _write(session: Session, view: SavedView, actor: Actor) -> None:
    """The database says whether the name is free: two tabs may ask for it at once."""
    name, shared = view.name, view.is_shared
    try:
        session.flush()
    except IntegrityError as error:
        taken = "Une vue partagée, ou l’une des vôtres, s’appelle déjà « %(name)s »."
        mine = "Une de vos vues s’appelle déjà « %(name)s »."
        raise _refused(actor, "name_taken", taken if shared else mine, {"name": name}) from error


def _facts(view: SavedView, actor: Actor) -> dict[str, Any]:
    return {
        "adminId": actor.id,
        "viewId": view.id,
        "name": view.name,
        "book": view.book,
        "shared": view.is_shared,
    }


def _refused(
    actor: Actor, error: str, message: str, words: Mapping[str, object] | None = None, *, status: int = 409
) -> ViewRefused:
    log_warning(EVENT, actor.kind, None, actor.id, {"adminId": actor.id, "error": error})
    return ViewRefused(message, event=EVENT, status=status, words=words)
