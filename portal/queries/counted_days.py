"""The counts of whole hours, those of a day together where they are summed: months have a twentieth as many."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_, select, union_all

from portal.models import LogDayActor, LogDayType, LogHourActor, LogHourType
from portal.queries.calendar_bars import HOUR, floor_hour
from portal.queries.counted_hours import DAY, Counted, Cutoffs, Edge
from portal.queries.time_range import TimeRange

TABLES: Mapping[str, tuple[Any, Any]] = {
    "type": (LogHourType, LogDayType),
    "actor": (LogHourActor, LogDayActor),
}
Ranges = Sequence[TimeRange]


def whole_days(hours: TimeRange, counted: Counted, cutoffs: Cutoffs) -> tuple[Ranges, Ranges]:
    """A range of counted hours as days of UTC that are summed, and the hours that are left of it.

    A day that a cut-off divides stays hours: some of them have outlived their rows and some have not.
    """
    if counted.summed is None or hours.end is None:
        return [], [hours]
    first = None if hours.start is None else _floor_day(hours.start + DAY - HOUR)
    last = min(_floor_day(hours.end), counted.summed)
    if first is not None and first >= last:
        return [], [hours]
    divided = {_floor_day(cutoff) for cutoff in cutoffs.values() if cutoff != _floor_day(cutoff)}
    within = [day for day in sorted(divided) if (first is None or first <= day) and day < last]
    ends = [first, *(end for day in within for end in (day, day + DAY)), last]
    around = [*_ranges([hours.start], [first]), *_ranges([last], [hours.end])]
    return [*_ranges(ends[::2], ends[1::2])], [*around, *_ranges(ends[1::2], ends[2::2])]


def counts(by: str, days: Ranges, hours: Ranges, ends: Sequence[Edge]) -> Any:
    """What was counted by "type" or "actor" in days, in hours, and in what is gone of the edges, as one table."""
    hour, day = TABLES[by]
    gone = [gone_hour(hour, end) for end in ends if end.gone]
    arms = [_counts_of(hour, by, [*_within(hour, hours), *gone])]
    if days:
        arms.append(_counts_of(day, by, _within(day, days)))
    return union_all(*arms).subquery("counted").c


def gone_hour(table: Any, edge: Edge) -> ColumnElement[bool]:
    """What an edge has instead of rows: its hour's counts of the levels that are gone."""
    return and_(table.bucket == edge.hour, table.level.in_(edge.gone))


def _within(table: Any, ranges: Ranges) -> list[ColumnElement[bool]]:
    return [and_(*each.conditions(table.bucket)) for each in ranges]


def _counts_of(table: Any, by: str, any_of: Sequence[ColumnElement[bool]]) -> Any:
    return select(table.bucket, table.level, getattr(table, by), table.n).where(or_(false(), *any_of))


def _ranges(starts: Sequence[datetime | None], ends: Sequence[datetime | None]) -> Iterator[TimeRange]:
    """What is not empty between each start and its end."""
    for start, end in zip(starts, ends, strict=False):
        if end is not None and (start is None or start < end):
            yield TimeRange(start, end)


def _floor_day(moment: datetime) -> datetime:
    return floor_hour(moment).replace(hour=0)
