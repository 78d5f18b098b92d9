"""Bars of a chart: about sixty over a range, aligned to the reader's calendar, daylight saving included."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

ABOUT = 60
HOUR = timedelta(hours=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Step:
    """How wide a bar is: `name` as an ISO 8601 duration; months where it is counted in months."""

    name: str
    width: timedelta
    months: int = 0

    @property
    def is_exact(self) -> bool:
        """Whether every bar lasts the same; longer ones follow the clock on the wall."""
        return self.width <= HOUR


def _steps() -> Iterator[Step]:
    for unit, length, counts in (("S", 1, (1, 2, 5, 10, 15, 30)), ("M", 60, (1, 2, 5, 10, 15, 30))):
        yield from (Step(f"PT{n}{unit}", timedelta(seconds=n * length)) for n in counts)
    yield from (Step(f"PT{n}H", timedelta(hours=n)) for n in (1, 3, 6, 12))
    yield from (Step("P1D", timedelta(days=1)), Step("P1W", timedelta(weeks=1)))
    yield from (Step(f"P{n}M", timedelta(days=30.44 * n), n) for n in (1, 3))
    yield from (Step(f"P{n}Y", timedelta(days=365.25 * n), 12 * n) for n in (1, 10))


STEPS = tuple(_steps())


def choose_step(span: timedelta, *, least: timedelta = timedelta(seconds=1)) -> Step:
    """The step that cuts a span into about sixty bars, none narrower than `least`."""
    wide = [step for step in STEPS if step.width >= least]
    seconds = max(span.total_seconds(), 1)
    return min(wide, key=lambda step: abs(math.log(seconds / step.width.total_seconds() / ABOUT)))


def bar_edges(
    start: datetime, end: datetime, step: Step, zone: ZoneInfo, *, whole_hours: bool = False
) -> Sequence[datetime]:
    """The moments, in UTC, where bars begin, and last where the last one ends; they enclose the range.

    With `whole_hours` an edge between two hours of UTC, as in zones of half hours, moves to the hour before.
    """
    edges: list[datetime] = []
    for moment in _moments(start, step, zone):
        edge = floor_hour(moment) if whole_hours else moment
        if not edges or edge > edges[-1]:
            edges.append(edge)
        if edge >= end:
            break
    return edges


def _moments(start: datetime, step: Step, zone: ZoneInfo) -> Iterator[datetime]:
    local = start.astimezone(zone)
    if step.is_exact:
        moment = start - (local.replace(tzinfo=UTC) - EPOCH) % step.width
        while True:
            yield moment.astimezone(UTC)
            moment += step.width
    wall = _floor(local.replace(tzinfo=None), step)
    while True:
        yield wall.replace(tzinfo=zone).astimezone(UTC)
        wall = _next(wall, step)


def _floor(wall: datetime, step: Step) -> datetime:
    day = wall.replace(hour=0, minute=0, second=0, microsecond=0)
    if step.months:
        months = wall.year * 12 + wall.month - 1
        return _month(day, months - months % step.months)
    if step.width > timedelta(days=1):
        return day - timedelta(days=day.weekday())
    return day + (wall - day) // step.width * step.width


def _next(wall: datetime, step: Step) -> datetime:
    if step.months:
        return _month(wall, wall.year * 12 + wall.month - 1 + step.months)
    return wall + step.width


def _month(wall: datetime, months: int) -> datetime:
    return wall.replace(year=months // 12, month=months % 12 + 1, day=1)


def floor_hour(moment: datetime) -> datetime:
    """The beginning of an hour of UTC."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
