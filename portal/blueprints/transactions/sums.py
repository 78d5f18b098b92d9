"""The book of money over time, its boxes with their counts, its total: fragments that arrive after the rows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask import render_template, request

from portal.blueprints.access import READERS, requires
from portal.blueprints.boxes import Boxes
from portal.blueprints.chart import SPAN, chart_state, drawn, reader_zone, span_asked, span_of_rows
from portal.blueprints.explorer import pairs, searched
from portal.blueprints.transactions import bp
from portal.blueprints.transactions.words import EXPLORER, OBJECTS
from portal.domain.work import utc_now
from portal.queries.paging import BadParameter
from portal.queries.parameters import flag
from portal.queries.transaction_search import TransactionSearch, transaction_total
from portal.queries.transaction_sums import transaction_facets, transaction_histogram
from portal.unit_of_work import reading_books

KINDS = Boxes(EXPLORER, "entityType", OBJECTS.__getitem__)
EVENTS = Boxes(EXPLORER, "eventType")


@bp.get("/histogram")
@requires(*READERS)
def histogram() -> str:
    """The chart of a search, without the page around it."""
    search = searched(TransactionSearch, also=SPAN)
    return render_template("logs/_histogram.html", **_drawn(search, span_asked()))


@bp.get("/facets")
@requires(*READERS)
def facets() -> str:
    """The boxes with their counts, without the page around them."""
    search = searched(TransactionSearch, also=("chart",))
    chart_state()
    return render_template("transactions/_facets.html", **counted_boxes(search))


@bp.get("/count")
@requires(*READERS)
def count() -> str:
    """How many transactions pass: up to a cap, or exactly with `exact=1`."""
    return render_template("logs/_total.html", **counted_total(searched(TransactionSearch, also=("exact",))))


def summed(search: TransactionSearch, rows: Sequence[Any]) -> dict[str, Any]:
    """All that otherwise arrives after the rows, for browsers without JavaScript."""
    return {**_drawn(search, span_of_rows(rows)), **counted_boxes(search), **counted_total(search)}


def _drawn(search: TransactionSearch, rows: Sequence[datetime]) -> dict[str, Any]:
    def find() -> Any:
        return transaction_histogram(reading_books(), search, now=utc_now(), zone=reader_zone())

    return drawn(EXPLORER, find, rows)


def counted_boxes(search: TransactionSearch) -> dict[str, Any]:
    """The boxes of both fields with their counts."""
    try:
        events, objects = transaction_facets(reading_books(), search)
    except BadParameter as error:
        return {**boxes(), "facets_too_slow": error}
    shown, more = EVENTS.types(events)
    return {
        "object_boxes": KINDS.options(OBJECTS, objects),
        "event_boxes": shown + more,
        "facets_capped": events.is_capped,
    }


def boxes() -> dict[str, Any]:
    """The boxes before their counts: of events, only the chosen ones."""
    return {"object_boxes": KINDS.options(OBJECTS, None), "event_boxes": EVENTS.chosen_types()}


def kept_by_boxes() -> list[tuple[str, str]]:
    """What the form of boxes carries along: all but the boxes themselves."""
    return EXPLORER.forms().unchosen(pairs(), "entityType", "eventType")


def counted_total(search: TransactionSearch) -> dict[str, Any]:
    """The total, and the ways to an exact one."""
    hrefs = {
        "exact_href": EXPLORER.charting("on", ("exact", "1")),
        "exact_fragment": EXPLORER.beside("transactions.count", ("exact", "1")),
    }
    try:
        exact = flag(request.args, "exact")
        return {"total": transaction_total(reading_books(), search, exact=exact), **hrefs}
    except BadParameter as error:
        return {"total_too_slow": error, **hrefs}
