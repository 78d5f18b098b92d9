"""Moments as pages show them, some hundred on a page: what Babel would say, without asking it each time."""

from bisect import bisect_right
from datetime import UTC, datetime
from functools import cache
from zoneinfo import available_timezones

from babel import Locale
from flask_babel import format_datetime, format_timedelta
from markupsafe import Markup

from portal.blueprints.reader import Reader, reader
from portal.domain.work import utc_now

MONTHS = Locale("en").months["format"]["abbreviated"]
UNITS = (1, 60, 3600, 86_400, 604_800, 2_592_000, 31_536_000)
"""Seconds of a second, a minute, an hour, a day, a week, a month and a year, as Babel counts them."""
ENOUGH = 1.2
"""Of a unit, for it to be the one that says how long ago."""
LEAST = [ENOUGH * unit for unit in UNITS[1:]]
_TOLD: dict[tuple[str, int, bool, int], str] = {}
"""A language, a unit, whether it is past, how many: some hundred sentences in all."""


@cache
def known_zones() -> frozenset[str]:
    """The names of all zones, read from the disk once: each is a file there."""
    return frozenset(available_timezones())


def local_datetime(value: datetime, seconds: bool = True) -> str:
    """A moment in the reader's zone, to the second or the minute."""
    told = _here(value, reader())
    return told[:-4] if seconds else told[:-7]


def local_datetime_ms(value: datetime) -> str:
    """A moment in the reader's zone, to the millisecond."""
    return _here(value, reader())


def _here(value: datetime, who: Reader) -> str:
    """A moment as `who` reads it; cut from its ISO form, which Python writes fastest."""
    day, clock = value.astimezone(who.zone).isoformat(timespec="milliseconds")[:23].split("T")
    year, month, number = day.split("-")
    if who.language == "en":
        return f"{int(number)} {MONTHS[int(month)]} {year} {clock}"
    return f"{number}/{month}/{year} {clock}"


def local_date(value: datetime) -> str:
    """The day of a moment in the reader's zone."""
    return str(format_datetime(value, "d MMM y"))


def relative_time(value: datetime) -> str:
    """How long ago, or in how long."""
    return _from_now(value, reader())


def _from_now(value: datetime, who: Reader) -> str:
    delta = value - utc_now()
    seconds = delta.days * 86_400 + delta.seconds
    unit = UNITS[bisect_right(LEAST, abs(seconds))]
    told = who.language, unit, seconds < 0, round(abs(seconds) / unit)
    if told not in _TOLD:
        _TOLD[told] = str(format_timedelta(delta, add_direction=True, threshold=ENOUGH))
    return _TOLD[told]


def stamp(value: datetime, to: str = "s") -> Markup:
    """A moment of a list as components/time.html marks one up, to the "s" or "ms"; the rest in its title."""
    who = reader()
    full = _here(value, who)
    shown = full if to == "ms" else full[:-4]
    marked = f'<time datetime="{iso(value)}" title="{full} · {_from_now(value, who)}">{shown}</time>'
    return Markup(marked)  # noqa: S704 -- digits and Babel's words


def iso(value: datetime) -> str:
    """A moment for machines, in UTC."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
