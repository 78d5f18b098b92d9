"""Which hours of the log are counted, since when rows are kept, and how a range is cut between the two."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.audit.retention import keepings
from portal.models import Log, LogDayActor, LogHourActor, LogLevel
from portal.queries.calendar_bars import HOUR, floor_hour
from portal.queries.parameters import Choice
from portal.queries.time_range import TimeRange

DAY = timedelta(days=1)
Cutoffs = Mapping[LogLevel, datetime]
"""For each level, when its oldest kept hour begins; a level without one is kept for ever."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Which hours are counted, from when until when; until when by day, too; and the oldest row that is left."""

    since: datetime | None
    until: datetime | None
    summed: datetime | None
    oldest_row: datetime | None

    @property
    def beginning(self) -> datetime | None:
        """When the book begins, its rows being there or only their counts."""
        known = [moment for moment in (self.since, self.oldest_row) if moment is not None]
        return min(known, default=None)


@dataclass(frozen=True, slots=True)
class Edge:
    """A part of a range that is no complete counted hour; in `hour`, `gone` levels have no rows any more."""

    span: TimeRange
    hour: datetime | None = None
    gone: tuple[LogLevel, ...] = ()


REACH = select(
    select(func.min(LogHourActor.bucket)).scalar_subquery(),
    select(func.max(LogHourActor.bucket)).scalar_subquery(),
    select(func.max(LogDayActor.bucket)).scalar_subquery(),
    select(func.min(Log.created_at)).scalar_subquery(),
).execution_options(kept_plan=True)


def counted_hours(session: Session) -> Counted:
    """How far the hourly counts reach."""
    first, hour, day, row = session.execute(REACH).one()
    return Counted(first, None if hour is None else hour + HOUR, None if day is None else day + DAY, row)


def kept_since(session: Session, set_days: Mapping[str, int], *, now: datetime) -> Cutoffs:
    """Since when rows are kept, by level."""
    return {keeping.level: keeping.cutoff(now) for keeping in keepings(session, set_days)}


def cut_range(period: TimeRange, counted: Counted, cutoffs: Cutoffs) -> tuple[TimeRange | None, list[Edge]]:
    """A range as complete counted hours, and the edges that are left of it."""
    start, end, until = period.start, period.end, counted.until
    if until is None or (start is not None and start >= until):
        return None, [Edge(period)]
    last = until if end is None else min(floor_hour(end), until)
    first = None if start is None else _ceil_hour(start)
    if start is not None and first is not None and first > last:
        return None, [_old_edge(TimeRange(start, end), floor_hour(start), cutoffs)]
    edges = []
    if start is not None and first is not None and start < first:
        edges.append(_old_edge(TimeRange(start, first), floor_hour(start), cutoffs))
    if last == until and (end is None or end > until):
        edges.append(Edge(TimeRange(until, end)))
    elif end is not None and end > last:
        edges.append(_old_edge(TimeRange(last, end), last, cutoffs))
    return TimeRange(first, last), edges


def _old_edge(span: TimeRange, hour: datetime, cutoffs: Cutoffs) -> Edge:
    gone = tuple(level for level, cutoff in cutoffs.items() if hour < cutoff)
    return Edge(span, hour, gone)


def _ceil_hour(moment: datetime) -> datetime:
    floor = floor_hour(moment)
    return floor if floor == moment else floor + HOUR


def missing_levels(
    wanted: Choice, start: datetime | None, counted: Counted, cutoffs: Cutoffs
) -> Mapping[LogLevel, datetime]:
    """The wanted levels whose rows since `start` were there and are not all kept, and since when they are."""
    if counted.beginning is None:
        return {}
    first = max(start or counted.beginning, counted.beginning)
    asked = [level for level in cutoffs if not wanted.only or level in wanted.only]
    return {level: cutoffs[level] for level in asked if level not in wanted.without and first < cutoffs[level]}
