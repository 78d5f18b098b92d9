"""The log over time: bars stacked by level, from rows up to a day, from the hourly counts beyond."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from portal.queries.calendar_bars import HOUR, Step, bar_edges, choose_step
from portal.queries.counted_hours import Cutoffs, counted_hours, missing_levels
from portal.queries.level_bars import level_bars
from portal.queries.log_counts import (
    Sums,
    newest_sums,
    roll_up_for,
    row_sums,
    sums,
)
from portal.queries.log_search import LogLevel, LogSearch
from portal.queries.time_range import TimeRange

DAY = timedelta(hours=25)
"""Up to a day, as long as it may be, rows are read: bars are narrower than the counted hours."""
FARTHEST = timedelta(days=3653)
"""So long before the book's beginning a range is still drawn empty; earlier there was nothing."""


@dataclass(frozen=True, slots=True)
class Bar:
    """What happened from `start` (included) to `end` (not included), by level."""

    start: datetime
    end: datetime
    counts: Mapping[LogLevel, int]

    @property
    def total(self) -> int:
        """Over all levels."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Histogram:
    """Bars in the order of time, and how they were counted.

    `missing` are the levels whose rows were deleted in a part of the range, and until when, where rows are read.
    """

    bars: Sequence[Bar]
    step: Step | None
    counted: Sums
    missing: Mapping[LogLevel, datetime]


NOTHING = Histogram((), None, Sums((), False), {})


def log_histogram(
    session: Session, search: LogSearch, *, now: datetime, zone: ZoneInfo, cutoffs: Cutoffs
) -> Histogram:
    """The search over its period, until now at the latest. Raises BadParameter after three seconds."""
    counted = counted_hours(session)
    span = span_of(search.period, counted.beginning, now)
    if span is None:
        return NOTHING
    start, end = span
    gone = missing_levels(search.level, start, counted, cutoffs)
    by_hours = roll_up_for(search) is not None and (end - start > DAY or bool(gone))
    step = choose_step(end - start, **({"least": HOUR} if by_hours else {}))
    edges = bar_edges(start, end, step, zone, whole_hours=by_hours)
    within = replace(search, period=TimeRange(start, end))
    if by_hours:
        found = sums(session, within, cutoffs, edges=edges, counted=counted)
    elif roll_up_for(search) is not None and search.type.is_open and search.actor.is_open:
        found = level_bars(session, within, edges=edges)
    elif roll_up_for(search) is not None:
        found = row_sums(session, within, edges=edges)
    else:
        found = newest_sums(session, within, edges=edges)
        if found.reach is not None and found.reach > start:
            return replace(_from(session, search, found.reach, end, zone), missing=gone)
    return Histogram(bars_of(edges, start, end, found), step, found, {} if by_hours else gone)


def _from(session: Session, search: LogSearch, reach: datetime, end: datetime, zone: ZoneInfo) -> Histogram:
    """The newest rows that were counted, over the time that they lie in."""
    step = choose_step(end - reach)
    edges = bar_edges(reach, end, step, zone)
    found = newest_sums(session, replace(search, period=TimeRange(reach, end)), edges=edges)
    return Histogram(bars_of(edges, reach, end, found), step, replace(found, reach=reach), {})


def span_of(period: TimeRange, beginning: datetime | None, now: datetime) -> tuple[datetime, datetime] | None:
    """What is drawn of a period, of a book that begins then; None where there is nothing."""
    if beginning is None:
        return None
    start = max(period.start or beginning, beginning - FARTHEST)
    end = min(period.end or now, now)
    return (start, end) if start < end else None


def bars_of(edges: Sequence[datetime], start: datetime, end: datetime, found: Sums) -> list[Bar]:
    """The sums as bars between the edges, the first and the last one cut to the range."""
    counts = {edge: dict.fromkeys(LogLevel, 0) for edge in edges[:-1]}
    for each in found.sums:
        counts[each.bar or edges[0]][each.level] += each.n
    return [Bar(max(first, start), min(last, end), counts[first]) for first, last in pairwise(edges)]
