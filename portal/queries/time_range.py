"""From when to when: ISO moments with or without a zone, days, and spans before now."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement

from portal.queries.paging import BadParameter
from portal.queries.parameters import Arguments, one

EXPECTED = "une date ou un moment ISO, 22/11/2026, 22/11/2026 14:30, aujourd’hui, hier, 90m, 24h, 7j ou now-24h"
BEFORE_NOW = re.compile(r"now|(?:now-)?(\d{1,6})([smhdjw])", re.ASCII)
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "j": "days", "w": "weeks"}
DAYS_AGO = {"aujourd’hui": 0, "aujourd'hui": 0, "today": 0, "hier": 1, "yesterday": 1}
FRENCH = re.compile(r"(\d\d)/(\d\d)/(\d{4})(?:[ T](\d\d:\d\d(?::\d\d(?:\.\d{3,6})?)?))?", re.ASCII)
LOST_PLUS = re.compile(r"(:\d\d(?:\.\d+)?) (\d\d:?\d\d)$", re.ASCII)
"""A `+` that an address carried bare reads as a space."""


@dataclass(frozen=True, slots=True)
class TimeRange:
    """From `start` (included) to `end` (not included); None is without end."""

    start: datetime | None = None
    end: datetime | None = None

    def conditions(self, column: Any) -> Sequence[ColumnElement[bool]]:
        """What a row's moment must satisfy."""
        after = [] if self.start is None else [column >= self.start]
        return after if self.end is None else [*after, column < self.end]


def parse_time_range(args: Arguments, *, now: datetime, tz: str) -> TimeRange:
    """The range of `from` and `to`; a day given as `to` is included. Raises BadParameter."""
    zone = parse_zone(one(args, "tz")) or ZoneInfo(tz)
    first, last = one(args, "from"), one(args, "to")
    start = None if first is None else _moment("from", first, now, zone)
    end = None if last is None else _moment("to", last, now, zone, whole_day=True)
    if start and end and start >= end:
        raise BadParameter("from", str(first), "un moment qui précède « to »")
    return TimeRange(start, end)


def parse_start(args: Arguments, name: str, *, now: datetime, tz: str) -> datetime | None:
    """When a range that only begins does, by the name of its parameter. Raises BadParameter."""
    given = one(args, name)
    return None if given is None else _moment(name, given, now, parse_zone(one(args, "tz")) or ZoneInfo(tz))


def moments(now: datetime, tz: str) -> tuple[Callable[[str, str], datetime], Callable[[str, str], datetime]]:
    """How to read where a range starts, and where it ends, by the parameter's name and its text."""
    zone = ZoneInfo(tz)

    def last(parameter: str, given: str) -> datetime:
        return _moment(parameter, given, now, zone, whole_day=True)

    return (lambda parameter, given: _moment(parameter, given, now, zone)), last


def parse_zone(name: str | None) -> ZoneInfo | None:
    """A zone by its IANA name. Raises BadParameter."""
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        raise BadParameter("tz", name, "un fuseau IANA, comme Europe/Paris ou UTC") from error


def _moment(parameter: str, text: str, now: datetime, zone: ZoneInfo, *, whole_day: bool = False) -> datetime:
    text = _named_day(text, now.astimezone(zone)) or text
    try:
        return (_before_now(text, now) or _written(text, zone, whole_day)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadParameter(parameter, text, EXPECTED) from error


def parse_moment(parameter: str, given: str | None) -> datetime | None:
    """A moment as a link of ours writes it, with its zone. Raises BadParameter."""
    if given is None:
        return None
    try:
        return _zoned(given).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadParameter(parameter, given, "un moment ISO avec son fuseau") from error


def _zoned(text: str) -> datetime:
    moment = datetime.fromisoformat(LOST_PLUS.sub(r"\1+\2", text))
    if moment.tzinfo is None:
        raise ValueError("no zone")
    return moment


def is_before_now(text: str) -> bool:
    """Whether a bound is now, or a span before it."""
    return BEFORE_NOW.fullmatch(text) is not None


def _named_day(text: str, now: datetime) -> str | None:
    """A day that is called by where it lies from now, as a date."""
    ago = DAYS_AGO.get(text.casefold())
    return None if ago is None else (now.date() - timedelta(days=ago)).isoformat()


def _before_now(text: str, now: datetime) -> datetime | None:
    found = BEFORE_NOW.fullmatch(text)
    if found is None:
        return None
    return now - timedelta(**{UNITS[found[2]]: int(found[1])}) if found[1] else now


def _written(text: str, zone: ZoneInfo, whole_day: bool) -> datetime:
    french = FRENCH.fullmatch(text)
    text = _iso(french) if french else LOST_PLUS.sub(r"\1+\2", text)
    day = _day(text)
    if day is not None:
        return datetime.combine(day + timedelta(days=int(whole_day)), time(), zone)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _iso(found: re.Match[str]) -> str:
    day = f"{found[3]}-{found[2]}-{found[1]}"
    return f"{day}T{found[4]}" if found[4] else day


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
