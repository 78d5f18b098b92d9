"""Views of /dashboard/admin/system-logs."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from flask import abort, render_template, request

from portal.blueprints.access import READERS, requires
from portal.blueprints.chart import chart_state
from portal.blueprints.entities import THINGS, changes_in, facts_in, stack_of, things_in
from portal.blueprints.explorer import hidden, paged, searched
from portal.blueprints.logs import bp
from portal.blueprints.logs.around import NEWER, OLDER, asks_for_more, surroundings
from portal.blueprints.logs.charts import chart_links, drawing
from portal.blueprints.logs.facets import boxes, counted_boxes, counted_total, kept_by_boxes
from portal.blueprints.logs.live import live_of
from portal.blueprints.logs.words import EXPLORER, chips, metadata_filters
from portal.blueprints.metadata import raw_json, shown_metadata
from portal.blueprints.reading import tools
from portal.blueprints.saved_views.menu import menu_of
from portal.queries.exports import Book
from portal.queries.live_tail import tail_place
from portal.queries.log_entry import LogEntry, find_log, parse_row_id
from portal.queries.log_search import LogSearch
from portal.queries.paging import BadParameter
from portal.queries.transaction_entry import transactions_of_request
from portal.unit_of_work import reading, reading_books

SHOWN = ("q", "actorId", "entity", "requestId", "from", "to")
"""Filters with a field of their own that shows their value."""


@bp.get("")
@requires(*READERS)
def index() -> str:
    """The log, newest first, filtered by the address."""
    search = searched(LogSearch, also=("open", "chart", "exact"))
    opened = _opened()
    chart = chart_state()
    place = tail_place(reading_books())  # before the page: what it does not see is new
    shown = tools(EXPLORER, Book.LOG, search, request.args)
    page = paged(replace(search, bare=not (opened or shown.columns)), reading_books())
    empty = not page.rows and not search.order.cursor
    return render_template(
        "logs/index.html",
        page=page,
        search=search,
        explorer=EXPLORER,
        pills=EXPLORER.pills(),
        culprits=EXPLORER.culprits(LogSearch, reading_books()) if empty else [],
        hidden=hidden(*SHOWN),
        values={name: request.args.get(name) for name in SHOWN},
        kept_by_boxes=kept_by_boxes,
        opened=opened,
        live=live_of(search, place),
        views=menu_of(Book.LOG),
        tools=shown,
        detail_of=_detail,
        chart=chart,
        chart_links=chart_links(),
        **(_summed(search, page.rows) if chart == "on" else boxes()),
    )


@bp.get("/<row_id>")
@requires(*READERS)
def detail(row_id: str) -> str:
    """One event: alone, or as the fragment that opens below its row."""
    searched(LogSearch, also=("partial", NEWER, OLDER))
    number = parse_row_id(row_id)
    entry = find_log(reading(), number) if number is not None else None
    if entry is None:
        abort(404)
    if request.args.get("partial") or (request.headers.get("X-Fragment") and not asks_for_more()):
        return render_template("logs/_detail.html", **_detail(entry))
    return render_template("logs/detail.html", **_detail(entry), **_surroundings(entry))


def _summed(search: LogSearch, rows: Sequence[LogEntry]) -> dict[str, Any]:
    """All that otherwise arrives after the rows, for browsers without JavaScript."""
    return {**drawing(search, rows), **counted_boxes(search), **counted_total(search)}


def _detail(entry: LogEntry) -> dict[str, Any]:
    return {
        "entry": entry,
        "chips": chips(entry),
        "things": things_in(entry.details),
        "changes": changes_in(entry.details),
        "stack": stack_of(entry.details),
        "facts": shown_metadata(facts_in(entry.details), metadata_filters),
        "raw": raw_json(entry.details),
    }


def _surroundings(entry: LogEntry) -> dict[str, Any]:
    return {
        **surroundings(entry),
        "labels": {key: label for key, (_, label) in THINGS.items()},
        "explorer": EXPLORER,
        "request_transactions": transactions_of_request(reading_books(), entry.request_id, entry.created_at),
    }


def _opened() -> int | None:
    given = request.args.get("open")
    number = parse_row_id(given) if given else None
    if given and number is None:
        raise BadParameter("open", given, "le numéro d’un événement")
    return number
