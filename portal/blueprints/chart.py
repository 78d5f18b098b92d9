"""The chart of an explorer: what its address says of it, its bars with their links, and the words around them."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import request
from flask_babel import format_decimal, gettext

from portal.blueprints.access import me
from portal.blueprints.explorer import Explorer, remember_way_back
from portal.blueprints.moments import local_datetime
from portal.blueprints.spoken import counted as ngettext
from portal.queries.histogram import Bar, Histogram
from portal.queries.log_counts import CAP, LogLevel, Sums
from portal.queries.paging import BadParameter
from portal.queries.parameters import one
from portal.queries.time_range import parse_moment

CHART = ("on", "off")
"""Drawn in the page itself; folded, and not asked for. Else it is drawn after the rows, by its own request."""
SPAN = ("rowsFrom", "rowsTo")
"""The oldest and the newest moment of the rows beside the chart."""


def chart_state() -> str | None:
    """What this address says of the chart. Raises BadParameter."""
    state = request.args.get("chart")
    if state is not None and state not in CHART:
        error = BadParameter("chart", state, "on ou off")
        remember_way_back(error)
        raise error
    return state


def span_asked() -> list[datetime]:
    """When the rows beside the chart were made, as its address says. Raises BadParameter."""
    moments = [parse_moment(name, one(request.args, name)) for name in SPAN]
    return [moment for moment in moments if moment is not None]


def span_of_rows(rows: Sequence[Any]) -> list[datetime]:
    """The oldest and the newest moment of a page's rows."""
    moments = [row.created_at for row in rows]
    return [min(moments), max(moments)] if moments else []


def drawn(explorer: Explorer, find: Callable[[], Histogram], rows: Sequence[datetime]) -> dict[str, Any]:
    """What the chart's template takes; only why there is none where that takes too long."""
    try:
        found = find()
    except BadParameter as error:
        return {"too_slow": error}
    return {
        "found": found,
        "bars": [
            {"start": b.start, "end": b.end, "counts": b.counts, "href": _bar_href(explorer, b)}
            for b in found.bars
        ],
        "chart_levels": [level.value for level in LogLevel],
        "covered": covered(found.bars, rows),
        "step_label": step_label(found.step.name) if found.step else None,
        "zoom_href": explorer.between("__FROM__", "__TO__"),
        "doubts": doubts(found.counted, found.missing),
    }


def _bar_href(explorer: Explorer, bar: Bar) -> str:
    """The rows of one bar."""
    return explorer.between(bar.start.isoformat(), bar.end.isoformat())


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


def step_label(name: str) -> str:
    """How wide a bar is, from its ISO 8601 duration."""
    number, unit = re.findall(r"(\d+)([A-Z])", name)[0]
    if "T" in name:
        return f"{number}\u00a0{ {'S': 's', 'M': 'min', 'H': 'h'}[unit] }"
    n = int(number)
    words = {
        "D": ngettext("%(num)s jour", "%(num)s jours", n),
        "W": ngettext("%(num)s semaine", "%(num)s semaines", n),
        "M": ngettext("%(num)s mois", "%(num)s mois", n),
        "Y": ngettext("%(num)s an", "%(num)s ans", n),
    }
    return str(words[unit])


def doubts(counted: Sums, missing: Mapping[Any, datetime]) -> list[str]:
    """What a reader must know of a count: where it ends, and what of it has no rows any more."""
    found = []
    if counted.reach:
        words = {"n": format_decimal(CAP), "at": local_datetime(counted.reach)}
        found.append(
            gettext("Seuls les %(n)s événements les plus récents sont comptés, depuis le %(at)s.", **words)
        )
    if counted.outlived:
        n = format_decimal(counted.outlived)
        found.append(
            gettext(
                "Dont %(n)s plus anciens que leur durée de conservation : comptés avant d’être supprimés.", n=n
            )
        )
    if counted.widened:
        n = format_decimal(counted.widened)
        found.append(
            gettext("Dont %(n)s d’une heure entière au bord de la période : de plus près, il ne reste rien.", n=n)
        )
    if missing:
        levels = ", ".join(f"{level} < {local_datetime(until, seconds=False)}" for level, until in missing.items())
        found.append(gettext("Sans les événements supprimés depuis : %(levels)s.", levels=levels))
    return found
