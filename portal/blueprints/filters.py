"""How pages show moments, money, ids and people: filters, and what every template knows."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from babel.numbers import format_currency
from flask import Flask, g, request, session, url_for
from flask_babel import format_datetime, format_decimal, format_timedelta, get_locale, lazy_gettext

from portal.blueprints.access import SignedIn, person, settings
from portal.domain.money import to_decimal
from portal.domain.people import Role
from portal.domain.work import utc_now
from portal.queries.dashboard import count_to_approve, find_sending_pause
from portal.unit_of_work import reading

LANGUAGES = {"fr": "Français", "en": "English"}
DEFAULT_TIMEZONE = "Europe/Paris"
WITHIN = {"all_bookings": "payments"}
"""Pages that lie under another entry of the top bar than their own."""


@dataclass(frozen=True, slots=True)
class NavigationItem:
    """One entry of the top bar; `key` is its letter after g."""

    label: Any
    endpoint: str
    icon: str
    key: str | None = None
    badge: int | None = None

    @property
    def href(self) -> str:
        """Where it leads."""
        return url_for(self.endpoint)

    @property
    def current(self) -> bool:
        """Whether the page being shown lies there."""
        here = WITHIN.get(request.blueprint or "", request.blueprint)
        return here == self.endpoint.partition(".")[0] and (
            self.endpoint.startswith(
                (
                    "logs",
                    "transactions",
                    "payouts",
                    "creators",
                    "jobs",
                    "webhooks",
                    "offers",
                    "market",
                    "bookings",
                    "payments",
                )
            )
            or request.endpoint == self.endpoint
        )


ADMIN_NAVIGATION = (
    NavigationItem(lazy_gettext("Vue d’ensemble"), "dashboard.admin", "layout-dashboard", "o"),
    NavigationItem(lazy_gettext("Journal système"), "logs.index", "scroll-text", "l"),
    NavigationItem(lazy_gettext("Transactions"), "transactions.index", "arrow-left-right", "t"),
    NavigationItem(lazy_gettext("Payouts"), "payouts.index", "banknote", "v"),
    NavigationItem(lazy_gettext("Créateurs"), "creators.index", "users", "c"),
    NavigationItem(lazy_gettext("Paiements"), "payments.index", "credit-card", "p"),
    NavigationItem(lazy_gettext("Tâches"), "jobs.index", "clock", "j"),
    NavigationItem(lazy_gettext("Webhooks"), "webhooks.index", "webhook", "w"),
)
CREATOR_NAVIGATION = (
    NavigationItem(lazy_gettext("Tableau de bord"), "creator.dashboard", "layout-dashboard", "o"),
    NavigationItem(lazy_gettext("Vos appels"), "offers.index", "video", "a"),
    NavigationItem(lazy_gettext("Demander un payout"), "creator.request_payout", "send", "d"),
    NavigationItem(lazy_gettext("Historique"), "creator.history", "history", "h"),
    NavigationItem(lazy_gettext("Compte Stripe"), "creator.account", "landmark", "s"),
)
USER_NAVIGATION = (
    NavigationItem(lazy_gettext("Accueil"), "dashboard.user", "layout-dashboard", "o"),
    NavigationItem(lazy_gettext("Trouver un appel"), "market.index", "search", "t"),
    NavigationItem(lazy_gettext("Vos réservations"), "bookings.index", "calendar", "r"),
)
GUEST_NAVIGATION = (
    NavigationItem(lazy_gettext("Trouver un appel"), "market.index", "search"),
    NavigationItem(lazy_gettext("Se connecter"), "auth.login", "user"),
)


def register(app: Flask) -> None:
    """Give every template its filters and its frame."""
    app.add_template_filter(local_datetime)
    app.add_template_filter(local_datetime_ms)
    app.add_template_filter(local_date)
    app.add_template_filter(relative_time)
    app.add_template_filter(iso)
    app.add_template_filter(money)
    app.add_template_filter(middle)
    app.add_template_filter(percent)
    app.add_template_filter(duration_ms)
    app.context_processor(frame)


def select_locale() -> str:
    """The person's language, else the one chosen in this browser, else the browser's, else French."""
    somebody = person()
    chosen = session.get("language") or (somebody.locale if somebody else None)
    if chosen in LANGUAGES:
        return str(chosen)
    return request.accept_languages.best_match(LANGUAGES) or "fr"


def select_timezone() -> str:
    """The zone that a link asks for, else the person's."""
    somebody = person()
    asked = request.args.get("tz", "")
    if asked in available_timezones():
        return asked
    return somebody.timezone if somebody else DEFAULT_TIMEZONE


def frame() -> dict[str, Any]:
    """What base.html shows around every page."""
    somebody = person()
    return {
        "navigation": navigation(somebody),
        "environment_label": settings().environment_label,
        "sandbox_notice": settings().sandbox,
        "current_person": somebody,
        "languages": languages(),
        "request_id": g.get("request_id"),
        "theme": "auto",
        "density": "normal",
        "home_href": url_for("dashboard.home"),
        "timezone_label": select_timezone(),
        "replica_gone": g.get("replica_gone", False),
        "sending_pause": find_sending_pause(reading()) if somebody and somebody.role is Role.ADMIN else None,
    }


def navigation(somebody: SignedIn | None) -> Iterable[NavigationItem]:
    """The top bar of a role."""
    if somebody is None:
        return GUEST_NAVIGATION
    if somebody.role is Role.CREATOR:
        return CREATOR_NAVIGATION
    return admin_navigation() if somebody.role is Role.ADMIN else USER_NAVIGATION


def admin_navigation() -> Iterable[NavigationItem]:
    """The admin's top bar, with the number of payouts to approve."""
    waiting = count_to_approve(reading())
    for item in ADMIN_NAVIGATION:
        badge = waiting if item.endpoint == "payouts.index" else None
        yield NavigationItem(item.label, item.endpoint, item.icon, item.key, badge)


@dataclass(frozen=True, slots=True)
class Language:
    """One language of the portal."""

    code: str
    label: str
    href: str
    current: bool


def languages() -> list[Language]:
    """The languages, each with the link that switches to it and comes back here."""
    here = request.full_path.rstrip("?") if request.method == "GET" else None
    shown = str(get_locale())
    return [
        Language(code, label, url_for("dashboard.language", code=code, next=here), code == shown)
        for code, label in LANGUAGES.items()
    ]


def local_datetime(value: datetime, seconds: bool = True) -> str:
    """A moment in the reader's zone, to the second or the minute."""
    english = str(get_locale()) == "en"
    day = "d MMM y" if english else "dd/MM/y"
    return str(format_datetime(value, f"{day} HH:mm:ss" if seconds else f"{day} HH:mm"))


def local_datetime_ms(value: datetime) -> str:
    """A moment in the reader's zone, to the millisecond."""
    return f"{local_datetime(value)}.{value.microsecond // 1000:03d}"


def local_date(value: datetime) -> str:
    """The day of a moment in the reader's zone."""
    return str(format_datetime(value, "d MMM y"))


def relative_time(value: datetime) -> str:
    """How long ago, or in how long."""
    return str(format_timedelta(value - utc_now(), add_direction=True, threshold=1.2))


def iso(value: datetime) -> str:
    """A moment for machines, in UTC."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def money(amount_minor: int | None, currency: str | None) -> str:
    """Minor units as an amount with its currency, in the reader's language."""
    if amount_minor is None or currency is None:
        return "—"
    shown = format_currency(to_decimal(amount_minor, currency), currency, locale=get_locale())
    return shown.replace("-", "\u2212")


def middle(text: str | UUID, keep: int = 8) -> str:
    """An id shortened in its middle."""
    whole = str(text)
    return whole if len(whole) <= keep * 2 else f"{whole[:keep]}…{whole[-4:]}"


def percent(share: float) -> str:
    """A share of one as a percentage."""
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
        return f"{format_decimal(Decimal(str(round(seconds, 1))))}\u00a0s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes}\u00a0min {rest:02d}\u00a0s"
    hours, minutes = divmod(minutes, 60)
    day = "d" if str(get_locale()) == "en" else "j"
    return f"{hours}\u00a0h {minutes:02d}" if hours < 48 else f"{hours // 24}\u00a0{day} {hours % 24}\u00a0h"
