"""Views of /dashboard/admin/logs, the book of money."""

from dataclasses import replace
from typing import Any

from flask import abort, render_template, request

from portal.blueprints.access import READERS, requires
from portal.blueprints.chart import chart_state
from portal.blueprints.entities import THINGS, changes_in, facts_in, stack_of, things_in
from portal.blueprints.explorer import hidden, paged, searched
from portal.blueprints.metadata import raw_json, shown_metadata
from portal.blueprints.reading import tools
from portal.blueprints.saved_views.menu import menu_of
from portal.blueprints.transactions import bp
from portal.blueprints.transactions.sums import boxes, kept_by_boxes, summed
from portal.blueprints.transactions.words import EXPLORER, OBJECTS, chips, metadata_filters, owners
from portal.queries.exports import Book
from portal.queries.log_entry import parse_row_id, same_request
from portal.queries.paging import BadParameter
from portal.queries.surroundings import transaction_surroundings
from portal.queries.transaction_entry import TransactionEntry, find_transaction
from portal.queries.transaction_search import FILTERS, TransactionSearch
from portal.unit_of_work import reading, reading_books

SHOWN = tuple(name for name in FILTERS if name not in {"eventType", "entityType"})
"""Filters with a field of their own that shows their value."""


@bp.get("")
@requires(*READERS)
def index() -> str:
    """The book of money, newest first, filtered by the address."""
    search = searched(TransactionSearch, also=("open", "chart", "exact"))
    chart = chart_state()
    opened = _opened()
    shown = tools(EXPLORER, Book.TRANSACTION_LOG, search, request.args)
    page = paged(replace(search, bare=not (opened or shown.columns)), reading_books())
    empty = not page.rows and not search.order.cursor
    return render_template(
        "transactions/index.html",
        page=page,
        search=search,
        explorer=EXPLORER,
        objects=OBJECTS,
        pills=EXPLORER.pills(),
        culprits=EXPLORER.culprits(TransactionSearch, reading_books()) if empty else [],
        hidden=hidden(*SHOWN),
        values={name: request.args.get(name) for name in SHOWN},
        kept_by_boxes=kept_by_boxes,
        opened=opened,
        views=menu_of(Book.TRANSACTION_LOG),
        tools=shown,
        detail_of=_detail,
        chart=chart,
        chart_links=(),
        **(summed(search, page.rows) if chart == "on" else boxes()),
    )


@bp.get("/<row_id>")
@requires(*READERS)
def detail(row_id: str) -> str:
    """One financial event: alone, or as the fragment that opens below its row."""
    searched(TransactionSearch, also=("partial",))
    number = parse_row_id(row_id)
    entry = find_transaction(reading(), number) if number is not None else None
    if entry is None:
        abort(404)
    if request.args.get("partial") or request.headers.get("X-Fragment"):
        return render_template("transactions/_detail.html", **_detail(entry))
    around = transaction_surroundings(reading_books(), entry)
    return render_template(
        "transactions/detail.html",
        **_detail(entry),
        explorer=EXPLORER,
        objects=OBJECTS,
        request_rows=same_request(reading_books(), entry.request_id, entry.created_at),
        request_transactions=[row for row in around.request if row.id != entry.id],
        siblings=around.siblings,
        labels={key: label for key, (_, label) in THINGS.items()} | {"entityId": OBJECTS[entry.entity_type]},
        after=around.after,
        before=around.before,
    )


def _detail(entry: TransactionEntry) -> dict[str, Any]:
    return {
        "entry": entry,
        "chips": chips(entry),
        "things": things_in({**entry.details, **owners(entry)}),
        "stack": stack_of(entry.details),
        "changes": changes_in(entry.details),
        "facts": shown_metadata(facts_in(entry.details), metadata_filters, entry.currency),
        "raw": raw_json(entry.details),
    }


def _opened() -> int | None:
    given = request.args.get("open")
    number = parse_row_id(given) if given else None
    if given and number is None:
        raise BadParameter("open", given, "le numéro d’un événement")
    return number
