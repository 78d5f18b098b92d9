"""Every route stands in the table of rights; bad input is no bug; a GET changes nothing."""

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.models import Base, Role, uuid7
from tests.blueprints.cast import Cast
from tests.blueprints.rights import TABLE, Expected
from tests.browser import Browser
from tests.factories import Factory
from tests.sales import REASON

USER, CREATOR, ADMIN = Role.USER, Role.CREATOR, Role.ADMIN
READ_ONLY = [route for route in sorted(TABLE) if route.startswith("GET") and not TABLE[route].secret]
PARAMETERS = ("q", "status", "kind", "cursor", "from", "to", "tz", "limit", "amount", "creatorId", "state")
BROKEN = ["%00", "%ED%A0%80", "a" * 5_000, "9" * 400, "'\";--", "%FF%FE"]
VALUES: list[Any] = [None, True, [], {}, 10**400, -1, 1e308, "", "\x00", "\ud800", "x" * 5_000, "9" * 400]


@pytest.fixture
def cast(app: Flask, factory: Factory, session: Session) -> Cast:
    return Cast(app, factory, session)


def test_every_route_stands_in_the_table(app: Flask) -> None:
    found = set()
    for rule in app.url_map.iter_rules():
        path = re.sub("<(?:[^<>]+:)?(.+?)>", r"<\1>", rule.rule)
        found |= {f"{method} {path}" for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}}
    missing, gone = sorted(found - set(TABLE)), sorted(set(TABLE) - found)
    assert (missing, gone) == ([], []), f"give each a line in tests/blueprints/rights.py: {missing + gone}"


def owners(cast: Cast) -> dict[str, Browser]:
    """Whoever may ask for each route that reads."""
    browsers = cast.everybody()
    return {route: browsers[next(r for r in Role if r in (TABLE[route].roles or Role))] for route in READ_ONLY}


def test_a_foreign_booking_has_no_secret(cast: Cast) -> None:
    for booking_id in (str(cast.booking.id), str(uuid7()), "x", "\ud800" * 32):
        stranger = cast.browser(cast.strangers[USER])
        answer = stranger.send_json("POST", "/api/payments/create-intent", {"bookingId": booking_id})
        assert (answer.status_code, "_secret_" in answer.text) == (404, False)


def state(session: Session) -> dict[str, Any]:
    """Every table's rows, but for the books and the sessions, as one number."""
    session.rollback()
    tables = [table.name for table in Base.metadata.sorted_tables if table.name not in {"log", "user_session"}]
    rows = "select md5(coalesce(string_agg(t::text, ',' order by t::text), '')) from"
    return {name: session.scalar(text(f'{rows} "{name}" t')) for name in tables}


def test_a_get_changes_nothing(cast: Cast) -> None:
    asking = owners(cast)
    before = state(cast.session)
    for route, browser in asking.items():
        if not route.endswith("account/return"):
            answers = {200, 301, 302, 400, 409} | ({404} if TABLE[route].ready is Expected.NOT_FOUND else set())
            assert cast.ask(browser, route).status_code in answers, route
            assert state(cast.session) == before, route


def test_no_address_makes_a_bug_of_bad_input(cast: Cast) -> None:
    bugs = []
    for route, browser in owners(cast).items():
        for bad in BROKEN:
            wrong = {name: bad if isinstance(value, str | int) else value for name, value in cast.names.items()}
            broken = cast.path(route, wrong) != cast.path(route, cast.names)
            asked = [cast.ask(browser, route, wrong)] if broken else []
            names = () if "<" in route else PARAMETERS if bad == "%00" else PARAMETERS[:1]
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
