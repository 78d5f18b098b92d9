"""What every template knows: the top bar, the languages, what the reader prefers."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from flask import Flask, g, request, session, url_for

from portal.blueprints.access import READERS, SignedIn, person, settings
from portal.blueprints.addresses import address
from portal.blueprints.filters import LANGUAGES, select_timezone
from portal.blueprints.reader import reader
from portal.blueprints.spoken import lazy_gettext
from portal.domain.people import Role
from portal.domain.preferences import Preferences
from portal.domain.work import utc_now
from portal.queries.dashboard import Standing, find_standing
from portal.unit_of_work import reading

WITHIN = {"all_bookings": "payments", "transactions": "logs", "users": "creators", "webhooks": "jobs"}
"""Pages that lie under another entry of the top bar than their own."""


@dataclass(frozen=True, slots=True)
class NavigationItem:
    """One entry of the top bar; `key` is its letter after g, `beside` what lies under the same entry."""

    label: Any
    endpoint: str
    icon: str
    key: str | None = None
    badge: int | None = None
    beside: tuple["NavigationItem", ...] = ()

    @property
    def href(self) -> str:
        """Where it leads."""
        return address(self.endpoint)

    @property
    def current(self) -> bool:
        """Whether the page being shown lies there."""
        here = WITHIN.get(request.blueprint or "", request.blueprint)
        return here == self.endpoint.partition(".")[0] and (
            self.endpoint.startswith(
                (
                    "logs",
                    "payouts",
                    "creators",
                    "jobs",
                    "offers",
                    "market",
                    "bookings",
                    "payments",
                    "alerts",
                )
            )
            or request.endpoint == self.endpoint
        )


ADMIN_NAVIGATION = (
    NavigationItem(lazy_gettext("Accueil"), "dashboard.admin", "layout-dashboard", "o"),
    NavigationItem(
        lazy_gettext("Journaux"),
        "logs.index",
        "scroll-text",
        "l",
        beside=(NavigationItem(lazy_gettext("Transactions"), "transactions.index", "arrow-left-right", "t"),),
    ),
    NavigationItem(lazy_gettext("Payouts"), "payouts.index", "banknote", "v"),
    NavigationItem(lazy_gettext("Créateurs"), "creators.index", "users", "c"),
    NavigationItem(lazy_gettext("Paiements"), "payments.index", "credit-card", "p"),
    NavigationItem(
        lazy_gettext("Tâches"),
        "jobs.index",
        "clock",
        "j",
        beside=(NavigationItem(lazy_gettext("Webhooks"), "webhooks.index", "webhook", "w"),),
    ),
    NavigationItem(lazy_gettext("Alertes"), "alerts.index", "siren", "a"),
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

ENVIRONMENTS = {"DÉMO": lazy_gettext("DÉMO")}
"""What an environment is called in another language; TEST and PROD are the same in all."""


def register(app: Flask) -> None:
    """Give every template its frame."""
    app.context_processor(frame)


def frame() -> dict[str, Any]:
    """What base.html shows around every page."""
    somebody = person()
    liked = somebody.preferences if somebody else Preferences()
    label = settings().environment_label
    standing = find_standing(reading()) if somebody and somebody.role in READERS else None
    return {
        "navigation": admin_navigation(standing) if standing else navigation(somebody),
        "environment_label": ENVIRONMENTS.get(label, label),
        "sandbox_notice": settings().sandbox,
        "current_person": somebody,
        "languages": languages(),
        "request_id": g.get("request_id"),
        "theme": liked.theme,
        "density": liked.density,
        "shortcuts": liked.shortcuts,
        "preferences_href": address("dashboard.preferences") if somebody else None,
        "now_utc": utc_now,
        "printed_address": settings().public_url.rstrip("/") + request.full_path.rstrip("?"),
        "help_href": address("dashboard.help_page") if somebody and somebody.role in READERS else None,
        "search_href": address("search.index") if somebody and somebody.role in READERS else None,
        "home_href": address("dashboard.home"),
        "timezone_label": select_timezone(),
        "utc_href": utc_href(),
        "replica_gone": g.get("replica_gone", False),
        "may_act": somebody is not None and somebody.role is Role.ADMIN,
        "sending_pause": standing.pause if standing else None,
    }


def navigation(somebody: SignedIn | None) -> Iterable[NavigationItem]:
    """The top bar of a role."""
    if somebody is None:
        return GUEST_NAVIGATION
    return CREATOR_NAVIGATION if somebody.role is Role.CREATOR else USER_NAVIGATION


def admin_navigation(standing: Standing) -> Iterable[NavigationItem]:
    """The admin's top bar, with the number of payouts to approve and of alerts that nobody has taken on."""
    badges = {"payouts.index": g.get("to_approve", standing.to_approve), "alerts.index": standing.open_alerts}
    for item in ADMIN_NAVIGATION:
        yield replace(item, badge=badges.get(item.endpoint))


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
    shown = reader().language
    return [
        Language(code, label, url_for("dashboard.language", code=code, next=here), code == shown)
        for code, label in LANGUAGES.items()
    ]


def utc_href() -> str:
    """The link that switches this browser to UTC, or back to the person's own zone, and comes back here."""
    here = request.full_path.rstrip("?") if request.method == "GET" else None
    return url_for("dashboard.utc", state="off" if session.get("utc") else "on", next=here)
