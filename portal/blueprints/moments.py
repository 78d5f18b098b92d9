"""Moments as pages show them, some hundred on a page: what Babel would say, without asking it each time."""

from datetime import UTC, datetime
from functools import cache
from zoneinfo import available_timezones

from babel import Locale
from flask_babel import format_datetime, format_timedelta, get_locale, get_timezone
from markupsafe import Markup

from portal.domain.work import utc_now

MONTHS = Locale("en").months["format"]["abbreviated"]
UNITS = (31_536_000, 2_592_000, 604_800, 86_400, 3600, 60, 1)
"""Seconds of a year, a month, a week, a day, an hour, a minute and a second, as Babel counts them."""
ENOUGH = 1.2
"""Of a unit, for it to be the one that says how long ago."""
_TOLD: dict[tuple[str, int, bool, int], str] = {}
"""A language, a unit, whether it is past, how many: some hundred sentences in all."""


@cache
def known_zones() -> frozenset[str]:
    """The names of all zones, read from the disk once: each is a file there."""
    return frozenset(available_timezones())


def local_datetime(value: datetime, seconds: bool = True) -> str:
    """A moment in the reader's zone, to the second or the minute."""
    here = value.astimezone(get_timezone())
    day = f"{here.day:02}/{here.month:02}/{here.year}"
    if get_locale().language == "en":
        day = f"{here.day} {MONTHS[here.month]} {here.year}"
    clock = f"{here.hour:02}:{here.minute:02}"
    return f"{day} {clock}:{here.second:02}" if seconds else f"{day} {clock}"


def local_datetime_ms(value: datetime) -> str:
    """A moment in the reader's zone, to the millisecond."""
    return f"{local_datetime(value)}.{value.microsecond // 1000:03d}"


def local_date(value: datetime) -> str:
    """The day of a moment in the reader's zone."""
    return str(format_datetime(value, "d MMM y"))


def relative_time(value: datetime) -> str:
    """How long ago, or in how long."""
    delta = value - utc_now()
    seconds = delta.days * 86_400 + delta.seconds
    unit = next(unit for unit in UNITS if abs(seconds) >= ENOUGH * unit or unit == 1)
    told = get_locale().language, unit, seconds < 0, round(abs(seconds) / unit)
    if told not in _TOLD:
        _TOLD[told] = str(format_timedelta(delta, add_direction=True, threshold=ENOUGH))
    return _TOLD[told]


def stamp(value: datetime) -> Markup:
    """A moment of a list as components/time.html marks one up: to the second, the rest in its title."""
    full = local_datetime_ms(value)
    marked = f'<time datetime="{iso(value)}" title="{full} · {relative_time(value)}">{full[:-4]}</time>'
    return Markup(marked)  # noqa: S704 -- digits and Babel's words


def iso(value: datetime) -> str:
    """A moment for machines, in UTC."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
