"""The boxes beside the log, their counts, and the total: fragments that arrive after the rows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from flask import render_template, request
from flask_babel import format_decimal

from portal.blueprints.access import READERS, requires
from portal.blueprints.chart import chart_state
from portal.blueprints.explorer import pairs, searched
from portal.blueprints.logs import bp
from portal.blueprints.logs.charts import cutoffs
from portal.blueprints.logs.words import EXPLORER, actor_label
from portal.queries.facets import FIELDS, Facet, log_facets, log_total
from portal.queries.log_search import LogActor, LogLevel, LogSearch
from portal.queries.paging import BadParameter
from portal.queries.parameters import flag
from portal.queries.probes import prefix_of
from portal.unit_of_work import reading_books

MOST_TYPES = 20
CLOSED: Mapping[str, Sequence[str]] = {
    "level": [level.value for level in reversed(LogLevel)],
    "actor": [actor.value for actor in LogActor],
}


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
    return {
        **{f"{name}_boxes": _options(name, CLOSED[name], _counter(by_field[name])) for name in CLOSED},
        **_types(by_field["type"]),
        "facets_outlived": max(facet.outlived for facet in found),
        "facets_capped": any(facet.is_capped for facet in found),
    }


def boxes() -> dict[str, Any]:
    """The boxes before their counts: of types, only the chosen ones."""
    closed = {f"{name}_boxes": _options(name, CLOSED[name], None) for name in CLOSED}
    chosen = [{"options": _options("type", _chosen_types(), None)}] if _chosen_types() else []
    return {**closed, "type_boxes": chosen, "more_types": []}


def kept_by_boxes() -> list[tuple[str, str]]:
    """What the form of boxes carries along: all but the boxes themselves."""
    return EXPLORER.forms().unchosen(pairs(), *FIELDS)


def _options(name: str, values: Iterable[str], count: Callable[[str], str] | None) -> list[dict[str, Any]]:
    options = EXPLORER.options(name, values, actor_label if name == "actor" else str)
    for option in options:
        option["count"] = count(option["value"]) if count else None
        option["level"] = option["value"] if name == "level" else None
    return options


def _counter(facet: Facet) -> Callable[[str], str]:
    def count(value: str) -> str:
        prefix = prefix_of(value)
        n = facet.counts.get(value, 0) if prefix is None else _total(facet, prefix)
        return f"{format_decimal(n)}{'+' if facet.is_capped else ''}"

    return count


def _total(facet: Facet, prefix: str) -> int:
    return sum(n for kind, n in facet.counts.items() if kind.startswith(prefix))


def _types(facet: Facet) -> dict[str, Any]:
    """The most frequent types and the chosen ones under their beginnings; the others below "more"."""
    chosen, most = _chosen_types(), list(facet.counts)[:MOST_TYPES]
    shown = [*most, *(value for value in chosen if prefix_of(value) is None and value not in most)]
    rest = [kind for kind in facet.counts if kind not in shown]
    odd = [value for value in chosen if prefix_of(value) is not None and value not in {_start(t) for t in shown}]
    return {"type_boxes": _groups([*odd, *shown], facet), "more_types": _groups(rest, facet)}


def _groups(kinds: Sequence[str], facet: Facet) -> list[dict[str, Any]]:
    count, starts = _counter(facet), list(dict.fromkeys(map(_start, kinds)))
    groups = []
    for start in starts:
        members = [kind for kind in kinds if _start(kind) == start and kind != start]
        whole = len(members) > 1 or start in kinds
        options = _options("type", [*([start] if whole else []), *members], count)
        for option in options[1:] if whole else ():
            option["text"] = f"…{option['value'].removeprefix(start[:-1])}"
        groups.append({"options": options})
    return groups


def _start(kind: str) -> str:
    return kind if prefix_of(kind) is not None else f"{kind.partition('_')[0]}_*"


def _chosen_types() -> list[str]:
    given = dict.fromkeys(value.strip() for value in EXPLORER.forms().chosen(pairs(), "type"))
    return [value for value in given if value and not value.startswith("-")]
