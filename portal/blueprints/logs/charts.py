"""The log over time: a fragment that is drawn after the rows, or in the page itself without JavaScript."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import render_template, request

from portal.blueprints.access import READERS, me, requires, settings
from portal.blueprints.explorer import searched
from portal.blueprints.logs import bp
from portal.blueprints.logs.words import EXPLORER, doubts, step_label
from portal.domain.work import utc_now
from portal.queries.counted_hours import Cutoffs, kept_since
from portal.queries.histogram import Bar, log_histogram
from portal.queries.log_search import LogLevel, LogSearch
from portal.queries.paging import BadParameter
from portal.queries.parameters import one
from portal.queries.time_range import parse_moment
from portal.unit_of_work import reading_books

SPAN = ("rowsFrom", "rowsTo")
"""The oldest and the newest moment of the rows beside the chart."""


@bp.get("/histogram")
@requires(*READERS)
def histogram() -> str:
    """The chart of a search, without the page around it."""
    search = searched(LogSearch, also=SPAN)
    moments = [parse_moment(name, one(request.args, name)) for name in SPAN]
    return render_template("logs/_histogram.html", **_drawn(search, moments))


def drawing(search: LogSearch, rows: Sequence[Any]) -> dict[str, Any]:
    """The chart in the page of its rows."""
    moments = [row.created_at for row in rows]
    return _drawn(search, [min(moments), max(moments)] if moments else [])


def _drawn(search: LogSearch, rows: Sequence[datetime | None]) -> dict[str, Any]:
    try:
        found = log_histogram(reading_books(), search, now=utc_now(), zone=reader_zone(), cutoffs=cutoffs())
    except BadParameter as error:
        return {"too_slow": error}
    known = [moment for moment in rows if moment is not None]
    return {
        "found": found,
        "bars": [{"start": b.start, "end": b.end, "counts": b.counts, "href": bar_href(b)} for b in found.bars],
        "chart_levels": [level.value for level in LogLevel],
        "covered": covered(found.bars, known),
        "step_label": step_label(found.step.name) if found.step else None,
        "zoom_href": EXPLORER.between("__FROM__", "__TO__"),
        "doubts": doubts(found.counted, found.missing),
    }


def bar_href(bar: Bar) -> str:
    """The rows of one bar."""
    return EXPLORER.between(bar.start.isoformat(), bar.end.isoformat())


def covered(bars: Sequence[Bar], moments: Sequence[datetime]) -> tuple[int, int] | None:
    """The first and the last bar that the rows of the page lie in."""
    if not moments:
        return None
    oldest, newest = min(moments), max(moments)
    inside = [n for n, bar in enumerate(bars) if bar.end > oldest and bar.start <= newest]
    return (inside[0], inside[-1]) if inside else None


def reader_zone() -> ZoneInfo:
    """The zone that the address names, else the reader's."""
    return ZoneInfo(one(request.args, "tz") or me().timezone)


def cutoffs() -> Cutoffs:
    """Until when rows of each level are kept here."""
    return kept_since(reading_books(), days(), now=utc_now())


def days() -> Mapping[str, int]:
    """How long each level is kept, as set."""
    return settings().retention_days
