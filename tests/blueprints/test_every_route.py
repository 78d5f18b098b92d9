"""Every route of the marketplace, refunds and inbox, by every role; bad input; and GETs that change nothing."""

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.models import Base, Creator, Payment, Role, User, uuid7
from tests.browser import Browser
from tests.factories import Factory
from tests.market import booking_of, offer_of, seller
from tests.sales import REASON, Sales
from tests.webhooks.inbox import Inbox

USER, CREATOR, ADMIN = Role.USER, Role.CREATOR, Role.ADMIN
ANYBODY = None
MINE = "/dashboard/user/bookings"
OFFERS = "/dashboard/creator/offers"
DESK = "/dashboard/admin"

TABLE: dict[str, Role | None] = {
    "GET /creators": ANYBODY,
    "GET /creators/<handle>": ANYBODY,
    "GET /offers/<offer_id>": ANYBODY,
    "POST /offers/<offer_id>/book": USER,
    f"GET {MINE}": USER,
    f"GET {MINE}/<booking_id>": USER,
    f"GET {MINE}/<booking_id>/pay": USER,
    f"POST {MINE}/<booking_id>/pay": USER,
    f"GET {MINE}/<booking_id>/return": USER,
    "POST /api/bookings": USER,
    "POST /api/payments/create-intent": USER,
    f"GET {OFFERS}": CREATOR,
    f"GET {OFFERS}/new": CREATOR,
    f"POST {OFFERS}/new": CREATOR,
    **{f"GET {OFFERS}/<offer_id>{act}": CREATOR for act in ("", "/edit", "/cancel", "/complete", "/delete")},
    **{f"POST {OFFERS}/<offer_id>{act}": CREATOR for act in ("/edit", "/cancel", "/complete", "/delete")},
    "POST /api/call-offers": CREATOR,
    "PUT /api/call-offers/<offer_id>": CREATOR,
    "DELETE /api/call-offers/<offer_id>": CREATOR,
    "GET /dashboard/creator/account": CREATOR,
    "POST /dashboard/creator/account": CREATOR,
    "GET /dashboard/creator/account/return": CREATOR,
    f"GET {DESK}/creators/<creator_id>/validate": ADMIN,
    f"POST {DESK}/creators/<creator_id>/validate": ADMIN,
    f"GET {DESK}/payments": ADMIN,
    f"GET {DESK}/payments/<payment_id>": ADMIN,
    f"GET {DESK}/payments/<payment_id>/refund": ADMIN,
    f"POST {DESK}/payments/<payment_id>/refund": ADMIN,
    f"GET {DESK}/refunds-disputes": ADMIN,
    "POST /api/admin/payments/<payment_id>/refund": ADMIN,
    f"GET {DESK}/webhooks": ADMIN,
    f"GET {DESK}/webhooks/<event_id>": ADMIN,
    f"GET {DESK}/webhooks/<event_id>/retry": ADMIN,
    f"POST {DESK}/webhooks/<event_id>/retry": ADMIN,
    f"GET {DESK}/webhooks/<event_id>/dismiss": ADMIN,
    f"POST {DESK}/webhooks/<event_id>/dismiss": ADMIN,
    "GET /api/admin/webhooks": ADMIN,
}
BLUEPRINTS = ("market.", "bookings.", "offers.", "payments.", "webhooks.", "creator.account", "creators.validate")
CALLS = re.compile("/api/(bookings|call-offers|admin/payments|admin/webhooks|payments/create-intent)")
ROUTES = sorted(TABLE)
OWNED = [route for route in ROUTES if TABLE[route] in {USER, CREATOR} and "<" in route if route[-5:] != "/book"]
PARAMETERS = ("q", "status", "kind", "cursor", "from", "to", "tz", "limit", "amount", "creatorId", "state")
BROKEN = ["%00", "%ED%A0%80", "a" * 5_000, "9" * 400, "'\";--", "%FF%FE"]
VALUES: list[Any] = [None, True, [], {}, 10**400, -1, 1e308, "", "\x00", "\ud800", "x" * 5_000, "9" * 400]


class Cast:
    """Who asks, and what there is to ask for."""

    def __init__(self, app: Flask, factory: Factory, session: Session) -> None:
        self.app, self.session = app, session
        self.zoe: Creator = seller(factory, name="Zoé")
        self.paul: User = factory.user()
        self.people = {
            USER: self.paul.email,
            CREATOR: self.zoe.email,
            ADMIN: factory.admin().email,
        }
        self.strangers = {USER: factory.user().email, CREATOR: seller(factory).email}
        offer = offer_of(factory, self.zoe)
        self.booking = booking_of(factory, offer, self.paul)
        self.payment: Payment = Sales(app, session).sell(self.zoe, self.paul)
        Sales(app, session).ask_back(self.payment, amount="1")  # by no admin
        Inbox(app, session).post("evt_known", self.zoe.stripe_account_id)
        self.names = {
            "handle": self.zoe.handle,
            "offer_id": offer.id,
            "booking_id": self.booking.id,
            "creator_id": self.zoe.id,
            "payment_id": self.payment.id,
            "event_id": "evt_known",
        }

    def browser(self, email: str | None) -> Browser:
        """Somebody's, or a guest's, with a page that holds a token."""
        browser = Browser(self.app)
        if email is None:
            browser.get("/login")
        else:
            browser.sign_in(email).get("/dashboard")
        return browser

    @staticmethod
    def token(browser: Browser) -> str:
        """The token of the page that is shown; a guest's stands in the form."""
        found = re.search(r'name="csrf[-_]token"[^>]*? (?:content|value)="([^"]+)"', browser.text)
        assert found is not None
        return found[1]

    def ask(self, browser: Browser, route: str, names: dict[str, Any] | None = None, query: str = "") -> Any:
        """Ask for a route; forms and bodies are empty but for their token."""
        method, _, path = route.partition(" ")
        path = re.sub("<(.+?)>", lambda found: str((names or self.names)[found[1]]), path) + query
        if path.startswith("/api/"):
            headers = {"X-CSRFToken": self.token(browser)}
            return browser.client.open(path, method=method, json=None if method == "GET" else {}, headers=headers)
        data = None if method == "GET" else {"csrf_token": self.token(browser)}
        return browser.client.open(path, method=method, data=data)


@pytest.fixture
def cast(app: Flask, factory: Factory, session: Session) -> Cast:
    return Cast(app, factory, session)


def test_every_route_stands_in_the_table(app: Flask) -> None:
    found = set()
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith(BLUEPRINTS) or CALLS.match(rule.rule):
            path = re.sub("<(?:uuid:)?(.+?)>", r"<\1>", rule.rule)
            found |= {f"{method} {path}" for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}}
    assert found == set(TABLE)


def test_guests_sign_in_first_and_other_roles_are_refused(cast: Cast) -> None:
    browsers = {role: cast.browser(email) for role, email in cast.people.items()}
    guest, wrong = cast.browser(None), []
    for route in ROUTES:
        wanted = TABLE[route]
        answer = cast.ask(guest, route)
        sent = answer.headers.get("Location", "").startswith("/login") and answer.status_code == 302
        met = answer.status_code == 200 if wanted is ANYBODY else sent or answer.status_code == 401
        if not met or (answer.status_code == 401) is not (" /api/" in route):
            wrong.append((route, "guest", answer.status_code))
        for role in set(browsers) - {wanted} if wanted else ():
            if (status := cast.ask(browsers[role], route).status_code) != 403:
                wrong.append((route, role, status))
    assert wrong == []


def test_foreign_and_missing_objects_are_alike_not_found(cast: Cast) -> None:
    missing = {name: uuid7() for name in cast.names} | {"handle": "nobody", "event_id": "evt_unknown"}
    owners = {role: cast.browser(email) for role, email in cast.people.items()}
    strangers = {role: cast.browser(email) for role, email in cast.strangers.items()}
    asked = [(r, cast.ask(strangers[TABLE[r]], r).status_code) for r in OWNED]  # type: ignore[index]
    asked += [(r, cast.ask(owners[TABLE[r] or USER], r, missing).status_code) for r in ROUTES if "<" in r]
    assert [(route, status) for route, status in asked if status != 404] == []


def test_a_foreign_booking_has_no_secret(cast: Cast) -> None:
    for booking_id in (str(cast.booking.id), str(uuid7()), "x", "\ud800" * 32):
        stranger = cast.browser(cast.strangers[USER])
        answer = stranger.send_json("POST", "/api/payments/create-intent", {"bookingId": booking_id})
        assert (answer.status_code, "_secret_" in answer.text) == (404, False)


def state(session: Session) -> dict[str, Any]:
    """Every table's rows, but for the books and the sessions, as one number."""
    session.rollback()
    tables = [table.name for table in Base.metadata.sorted_tables if table.name not in {"log", "session"}]
    rows = "select md5(coalesce(string_agg(t::text, ',' order by t::text), '')) from"
    return {name: session.scalar(text(f'{rows} "{name}" t')) for name in tables}


def test_a_get_changes_nothing(cast: Cast) -> None:
    owners = {role: cast.browser(email) for role, email in cast.people.items()}
    for route in (route for route in ROUTES if route.startswith("GET") and not route.endswith("account/return")):
        before = state(cast.session)
        assert cast.ask(owners[TABLE[route] or USER], route).status_code in {200, 302, 409}, route
        assert state(cast.session) == before, route


def test_no_address_makes_a_bug_of_bad_input(cast: Cast) -> None:
    owners = {role: cast.browser(email) for role, email in cast.people.items()}
    bugs = []
    for route in (route for route in ROUTES if route.startswith("GET")):
        for bad in BROKEN:
            browser = owners[TABLE[route] or USER]
            wrong = {**cast.names, "handle": bad, "event_id": bad}
            asked = [cast.ask(browser, route, wrong)]
            names = PARAMETERS if bad == "%00" else PARAMETERS[:5]
            asked += [cast.ask(browser, route, query=f"?{name}={bad}") for name in names]
            bugs += [(route, bad[:9], a.request.query_string[:20]) for a in asked if a.status_code >= 500]
    assert bugs == []


FIELDS = {
    "/api/bookings": (USER, ["callOfferId"]),
    "/api/payments/create-intent": (USER, ["bookingId"]),
    "/api/call-offers": (CREATOR, ["title", "description", "price", "currency", "dateTime", "duration", "status"]),
    "/api/admin/payments/{payment_id}/refund": (ADMIN, ["amount", "reason", "formToken"]),
}
GOOD = {"title": "Appel", "price": "10", "duration": 30, "reason": REASON, "amount": "1"}


@pytest.mark.parametrize("path", FIELDS)
def test_no_body_makes_a_bug(cast: Cast, path: str) -> None:
    role, fields = FIELDS[path]
    browser, bugs = cast.browser(cast.people[role]), []
    for field in fields:
        given = {name: GOOD[name] for name in fields if name in GOOD}
        for value in VALUES:
            answer = browser.send_json("POST", path.format(**cast.names), given | {field: value})
            if answer.status_code >= 500:
                bugs.append((field, str(value)[:9], answer.status_code))
    assert bugs == []


def test_a_form_token_that_is_no_text_is_refused_not_overlooked(cast: Cast) -> None:
    admin, path = cast.browser(cast.people[ADMIN]), f"/api/admin/payments/{cast.payment.id}/refund"
    for token in (42, "", [], True):
        answer = admin.send_json("POST", path, {"amount": "1", "reason": REASON, "formToken": token})
        assert (answer.status_code, answer.json["details"]["parameter"]) == (400, "formToken")
    told = {"amount": "1", "reason": REASON, "formToken": "x" * 5_000}
    asked = [admin.send_json("POST", path, told) for _ in range(2)]
    assert asked[0].json["id"] == asked[1].json["id"]
