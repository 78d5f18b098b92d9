"""What happened around an event: five rows before it and five after, then more, whatever one was looking for."""

from typing import Any
from urllib.parse import urlencode

from flask import request, url_for

from portal.blueprints.explorer import Pair, pairs
from portal.blueprints.logs.words import EXPLORER
from portal.queries.log_entry import AROUND, LogEntry
from portal.queries.paging import BadParameter, Cursor
from portal.queries.parameters import one
from portal.queries.surroundings import log_surroundings
from portal.unit_of_work import reading_books

NEWER, OLDER = "newer", "older"
STEP, MOST = 10, 55


def asks_for_more() -> bool:
    """Whether this address wants more neighbours than the first."""
    return NEWER in request.args or OLDER in request.args


def surroundings(entry: LogEntry) -> dict[str, Any]:
    """What stands around an event, the ways to more neighbours, the filters set aside. Raises BadParameter."""
    wanted = {name: _wanted(name) for name in (NEWER, OLDER)}
    there = log_surroundings(reading_books(), entry, newer=wanted[NEWER], older=wanted[OLDER])
    filters = [pair for pair in pairs() if pair[0] not in {NEWER, OLDER}]
    found = {NEWER: len(there.after), OLDER: len(there.before)}
    return {
        "after": there.after,
        "before": there.before,
        "request_rows": there.request,
        "siblings": there.siblings,
        "older_href": _list_from(Cursor(entry.created_at, entry.id)),
        "newer_href": _list_from(Cursor(entry.created_at, entry.id, backwards=True)),
        "more": {n: _more(entry, filters, wanted, n) for n in wanted if found[n] == wanted[n] < MOST},
        "aside": [f"{EXPLORER.labels[name]} {value}" for name, value in filters if name in EXPLORER.labels],
        "search_href": EXPLORER.href(filters),
    }


def _list_from(cursor: Cursor) -> str:
    return EXPLORER.href([("cursor", cursor.encode())])


def _wanted(name: str) -> int:
    given = one(request.args, name)
    if given is None:
        return AROUND
    if not (given.isascii() and given.isdigit() and len(given) <= 2 and AROUND <= int(given) <= MOST):
        raise BadParameter(name, given, "un nombre de 5 à 55")
    return int(given)


def _more(entry: LogEntry, filters: list[Pair], wanted: dict[str, int], name: str) -> str:
    counts = {**wanted, name: min(wanted[name] + STEP, MOST)}
    query = urlencode([*filters, *counts.items()])
    return f"{url_for('logs.detail', row_id=entry.id)}?{query}#around"
