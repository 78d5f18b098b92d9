"""How pages show moments, money and ids: filters, and the reader's language and zone."""

from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from uuid import UUID

from babel import Locale
from babel.numbers import format_currency
from flask import Flask, request, session
from flask_babel import format_decimal, get_locale
from markupsafe import Markup, escape

from portal.blueprints.access import person
from portal.blueprints.declines import decline_words
from portal.blueprints.moments import (
    iso,
    known_zones,
    local_date,
    local_datetime,
    local_datetime_ms,
    relative_time,
    stamp,
)
from portal.blueprints.reader import reader
from portal.blueprints.spoken import counted, spoken
from portal.blueprints.stacks import stack_lines
from portal.blueprints.visible import visible
from portal.domain.money import to_decimal

LANGUAGES = {"fr": "Français", "en": "English"}
DEFAULT_TIMEZONE = "Europe/Paris"
LONGEST_UNBROKEN = 17


def register(app: Flask) -> None:
    """Give every template its filters."""
    app.add_template_filter(local_datetime)
    app.add_template_filter(local_datetime_ms)
    app.add_template_filter(local_date)
    app.add_template_filter(relative_time)
    app.add_template_filter(iso)
    app.add_template_filter(money)
    app.add_template_filter(middle)
    app.add_template_filter(breakable)
    app.add_template_filter(percent)
    app.add_template_filter(duration_ms)
    app.add_template_filter(decline_words)
    app.add_template_filter(stack_lines)
    app.add_template_filter(visible)
    app.add_template_filter(stamp)
    app.jinja_env.globals |= {"_": spoken, "gettext": spoken, "ngettext": counted}


def select_locale() -> str:
    """The person's language, else the one chosen in this browser, else the browser's, else French."""
    somebody = person()
    chosen = session.get("language") or (somebody.preferences.locale if somebody else None)
    if chosen in LANGUAGES:
        return str(chosen)
    return request.accept_languages.best_match(LANGUAGES) or "fr"


def select_timezone() -> str:
    """The zone that a link asks for, else the person's."""
    somebody = person()
    asked = request.args.get("tz", "")
    if asked and asked in known_zones():
        return asked
    if somebody:
        return somebody.timezone
    return "UTC" if session.get("utc") else DEFAULT_TIMEZONE


def as_typed(amount_minor: int, currency: str) -> str:
    """An amount as the reader would type it: no spaces, no currency."""
    amount = f"{to_decimal(amount_minor, currency)}"
    return amount if str(get_locale()) == "en" else amount.replace(".", ",")


def money(amount_minor: int | None, currency: str | None) -> str:
    """Minor units as an amount with its currency, in the reader's language."""
    if amount_minor is None or currency is None:
        return "—"
    return _amount(amount_minor, currency, reader().locale)


@lru_cache(maxsize=4096)
def _amount(amount_minor: int, currency: str, locale: Locale) -> str:
    shown = format_currency(to_decimal(amount_minor, currency), currency, locale=locale)
    return shown.replace("-", "\u2212")


def middle(text: str | UUID, keep: int = 8) -> str:
    """An id shortened in its middle."""
    whole = str(text)
    return whole if len(whole) <= keep * 2 else f"{whole[:keep]}…{whole[-4:]}"


def breakable(name: object) -> Markup:
    """A long name of several words that can break once, after the underscore nearest its middle."""
    return _broken(str(name))


@lru_cache(maxsize=1024)
def _broken(said: str) -> Markup:
    places = [i + 1 for i, letter in enumerate(said) if letter == "_"] if len(said) > LONGEST_UNBROKEN else []
    if not places:
        return escape(said)
    place = min(places, key=lambda i: abs(2 * i - len(said)))
    return escape(said[:place]) + Markup("<wbr>") + escape(said[place:])


def percent(share: float) -> str:
    """A share of one as a percentage; what is not nothing, or not all, does not look so."""
    if 0 < share < 0.0005:
        return f"<\u00a0{percent(0.001)}"
    if 0.9995 <= share < 1:
        return f">\u00a0{percent(0.999)}"
    return f"{format_decimal(Decimal(str(share * 100)), '#,##0.#')}\u00a0%"


def duration_ms(milliseconds: float | timedelta | None) -> str:
    """A duration as people read it: 340 ms, 2,1 s, 4 min 10 s, 3 h 05 min, 2 j 4 h."""
    if milliseconds is None:
        return "—"
    if isinstance(milliseconds, timedelta):
        milliseconds = milliseconds.total_seconds() * 1000
    if milliseconds < 1000:
        return f"{round(milliseconds)}\u00a0ms"
    seconds = milliseconds / 1000
    if seconds < 60:
        return f"{_tenths(round(seconds, 1), reader().language)}\u00a0s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes}\u00a0min\u00a0{rest:02d}\u00a0s"
    hours, minutes = divmod(minutes, 60)
    day = "d" if reader().language == "en" else "j"
    return (
        f"{hours}\u00a0h\u00a0{minutes:02d}"
        if hours < 48
        else f"{hours // 24}\u00a0{day}\u00a0{hours % 24}\u00a0h"
    )


@lru_cache(maxsize=1024)
def _tenths(seconds: float, language: str) -> str:  # noqa: ARG001 -- the comma is this language's
    return str(format_decimal(Decimal(str(seconds))))
