"""What the log's explorer calls its filters, and the links that a row offers."""

from typing import Any

from flask import url_for
from flask_babel import gettext

from portal.blueprints.entities import SAME, Chip, things_in
from portal.blueprints.explorer import Explorer
from portal.blueprints.spoken import lazy_gettext
from portal.blueprints.terms import only_metadata
from portal.domain.work import utc_now
from portal.queries.log_entry import LogEntry
from portal.queries.log_language import log_forms, log_vocabulary

EXPLORER = Explorer(
    endpoint="logs.index",
    labels={
        "q": lazy_gettext("texte"),
        "level": lazy_gettext("niveau"),
        "type": lazy_gettext("type"),
        "actor": lazy_gettext("acteur"),
        "actorId": lazy_gettext("id de l’acteur"),
        "entity": lazy_gettext("entité"),
        "requestId": lazy_gettext("requête"),
        "from": lazy_gettext("depuis"),
        "to": lazy_gettext("jusqu’à"),
        "tz": lazy_gettext("fuseau"),
    },
    invertible=("level", "type", "actor"),
    forms_at=log_forms,
)
ACTORS = {
    "USER": lazy_gettext("Utilisateur"),
    "CREATOR": lazy_gettext("Créateur"),
    "ADMIN": lazy_gettext("Admin"),
    "SYSTEM": lazy_gettext("Système"),
    "GUEST": lazy_gettext("Visiteur"),
}
WORDS = frozenset(log_vocabulary(utc_now(), "UTC").fields)
"""Names that the search language keeps for itself."""


def chips(entry: LogEntry) -> list[Chip]:
    """The rest of the life of what an event names, its actor's other events, its request's."""
    found = [Chip(SAME[t.key], t.trace_href, "route") for t in things_in(entry.details) if t.key in SAME]
    if entry.actor_id:
        found.append(Chip(gettext("Même acteur"), EXPLORER.href([("actorId", entry.actor_id)]), "user"))
    found.append(Chip(gettext("Même requête"), trace_of_request(entry.request_id), "link"))
    found.append(Chip(gettext("Autour de cet événement"), around_href(entry), "list"))
    return found


def trace_of_request(request_id: Any) -> str:
    """The trace of a request."""
    return url_for("traces.show", kind="request", id=request_id)


def around_href(entry: LogEntry) -> str:
    """Where an event stands among its neighbours."""
    return url_for("logs.detail", row_id=entry.id, _anchor="around")


def actor_label(word: str) -> str:
    """An actor's kind in the reader's language."""
    return str(ACTORS.get(word, word))


def metadata_filters(path: str, value: Any) -> tuple[str, str] | None:
    """For a metadata value, the searches that keep only it and that leave it out."""
    return only_metadata(EXPLORER, WORDS, path, value)
