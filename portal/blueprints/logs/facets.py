"""The boxes beside the log, their counts, and the total: fragments that arrive after the rows."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import render_template, request

from portal.blueprints.access import READERS, requires
from portal.blueprints.boxes import Boxes
from portal.blueprints.chart import chart_state
from portal.blueprints.explorer import pairs, searched
from portal.blueprints.logs import bp
from portal.blueprints.logs.charts import cutoffs
from portal.blueprints.logs.words import EXPLORER, actor_label
from portal.queries.facets import FIELDS, log_facets, log_total
from portal.queries.log_search import LogActor, LogLevel, LogSearch
from portal.queries.paging import BadParameter
from portal.queries.parameters import flag
from portal.unit_of_work import reading_books

CLOSED: Mapping[str, Sequence[str]] = {
    "level": [level.value for level in reversed(LogLevel)],
    "actor": [actor.value for actor in LogActor],
}
BOXES = {"level": Boxes(EXPLORER, "level"), "actor": Boxes(EXPLORER, "actor", actor_label)}
TYPES = Boxes(EXPLORER, "type")


@bp.get("/facets")
@requires(*READERS)
def facets() -> str:
    """The boxes with their counts, without the page around them."""
    search = searched(LogSearch, also=("chart",))
    chart_state()
    return render_template("logs/_facets.html", **counted_boxes(search))


@bp.get("/count")
@requires(*READERS)
def count() -> str:
    """How many events pass: up to a cap, or exactly with `exact=1`."""
    search = searched(LogSearch, also=("exact",))
    return render_template("logs/_total.html", **counted_total(search))


def counted_total(search: LogSearch) -> dict[str, Any]:
    """The total, and the ways to an exact one."""
    hrefs = {
        "exact_href": EXPLORER.charting("on", ("exact", "1")),
        "exact_fragment": EXPLORER.beside("logs.count", ("exact", "1")),
    }
    try:
        exact = flag(request.args, "exact")
        return {"total": log_total(reading_books(), search, cutoffs(), exact=exact), **hrefs}
    except BadParameter as error:
        return {"total_too_slow": error, **hrefs}


def counted_boxes(search: LogSearch) -> dict[str, Any]:
    """The boxes of every field with their counts."""
    try:
        found = log_facets(reading_books(), search, cutoffs())
    except BadParameter as error:
        return {**boxes(), "facets_too_slow": error}
    by_field = {facet.field: facet for facet in found}
    type_boxes, more_types = TYPES.types(by_field["type"])
    return {
        **{f"{name}_boxes": BOXES[name].options(CLOSED[name], by_field[name]) for name in CLOSED},
        "type_boxes": type_boxes,
        "more_types": more_types,
        "facets_outlived": max(facet.outlived for facet in found),
        "facets_capped": any(facet.is_capped for facet in found),
    }


def boxes() -> dict[str, Any]:
    """The boxes before their counts: of types, only the chosen ones."""
    closed = {f"{name}_boxes": BOXES[name].options(CLOSED[name], None) for name in CLOSED}
    return {**closed, "type_boxes": TYPES.chosen_types(), "more_types": []}


def kept_by_boxes() -> list[tuple[str, str]]:
    """What the form of boxes carries along: all but the boxes themselves."""
    return EXPLORER.forms().unchosen(pairs(), *FIELDS)
