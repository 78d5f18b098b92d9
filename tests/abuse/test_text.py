"""Hostile text: searches, numbers and returns in addresses; metadata and headers that end up in the books."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.actor import operation
from portal.audit.system_log import log_info
from portal.models import Log, LogActor, Role
from tests.blueprints.cast import Cast
from tests.blueprints.rights import TABLE
from tests.browser import Browser
from tests.factories import Factory

WORDS = {
    "percent": "%",
    "underscore": "_",
    "backslash": "\\",
    "two": "\\%",
    "quote": "'",
    "double": '"',
    "like": "%' or 1=1 --",
    "long": "a" * 400,
    "bidi": "\u202eevil",
    "wide": "１２３",
    "emoji": "😀",
    "script": "<script>alert(1)</script>",
}
REFUSED = {"nul": "%00", "surrogate": "%ED%A0%80", "long": "a" * 501}
NUMBERS = ["0", "-1", "51", "9" * 20, "9" * 400, "1e9", "NaN", "１", "1_0", "0x10", "", " ", "null"]
BIDI = "\u202eexe.fdp\u2066"
PAYLOADS: dict[str, Any] = {
    "script": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "link": "javascript:alert(1)",
    "attribute": "\"' onmouseover='alert(1)",
    "bidi": BIDI,
    "nul": "a\x00b",
    "surrogate": "\ud800x",
    "lines": 'agent\n{"book": "log", "level": "CRITICAL", "type": "FAKE"}\r\nmore\u2028\u2029\x85\x1b[31m',
    "template": "{{ 7*9973 }} {% if %} ${7*9973} %(x)s {0}",
    "<b>key</b>": "value",
}


@pytest.fixture
def cast(app: Flask, factory: Factory, session: Session) -> Cast:
    return Cast(app, factory, session)


LISTS = sorted(
    {
        route
        for route in TABLE
        if route.startswith("GET")
        and "<" not in route
        and route.endswith(
            (
                "/system-logs",
                "/logs",
                "/payouts",
                "/creators",
                "/payments",
                "/refunds-disputes",
                "/bookings",
                "/webhooks",
                "/offers",
                "/search",
                "/alerts",
                "/transaction-logs",
                "/system-logs/live",
            )
        )
    }
)


def reader(cast: Cast, browsers: Any, route: str) -> Browser:
    roles = TABLE[route].roles
    found: Browser = browsers[None if not roles else Role.ADMIN if Role.ADMIN in roles else min(roles)]
    return found


def test_words_that_mean_something_elsewhere_are_words_in_every_list(cast: Cast) -> None:
    browsers, wrong = cast.everybody(), []
    for route in LISTS:
        browser, path = reader(cast, browsers, route), cast.path(route, cast.names)
        for name, word in WORDS.items():
            answer = browser.client.get(f"{path}?q={quote(word)}", buffered=True)
            if answer.status_code >= 500 or "<script>alert" in answer.text:
                wrong.append((route, name, answer.status_code))
        for name, word in REFUSED.items():
            answer = browser.client.get(f"{path}?q={word}", buffered=True)
            if answer.status_code not in {200, 400}:
                wrong.append((route, name, answer.status_code))
        for name in ("limit", "cursor", "page", "from", "to", "offset", "tz"):
            for number in NUMBERS:
                answer = browser.client.get(f"{path}?{name}={quote(number)}", buffered=True)
                if answer.status_code not in {200, 400}:
                    wrong.append((route, f"{name}={number[:9]}", answer.status_code))
    assert len(LISTS) >= 10, LISTS
    assert wrong == []


def test_a_percent_sign_finds_itself_and_not_everything(cast: Cast) -> None:
    admin = cast.everybody()[Role.ADMIN]
    for q in ("%", "_____", "%25%25"):
        admin.get(f"/dashboard/admin/creators?q={quote(q)}")
        assert cast.zoe.handle not in admin.text.partition("<main")[2].partition("<footer")[0]


AWAY = ["//evil.test", "/\\evil.test", "/%09/evil.test", "/\t/evil.test", "\\\\evil.test"]


@pytest.mark.parametrize("target", AWAY)
@pytest.mark.parametrize("way", ["/login", "/language/en", "/timezone/utc/on"])
def test_a_return_address_never_leads_away(app: Flask, factory: Factory, way: str, target: str) -> None:
    browser = Browser(app)
    if way == "/login":
        browser.get(f"/login?next={quote(target, safe='%')}")
        form = {"email": factory.user().email, "password": "callastar-demo"}
        answer = browser.submit("/login", follow=False, **form)
    else:
        answer = browser.get(f"{way}?next={quote(target, safe='%')}", follow=False)
    assert answer.status_code in {302, 303, 200, 400}
    assert "evil" not in answer.headers.get("Location", "/")


def test_hostile_metadata_is_stored_shown_and_never_run(
    cast: Cast, session: Session, capfd: pytest.CaptureFixture[str]
) -> None:
    payout, admin = str(cast.names["payout_id"]), cast.everybody()[Role.ADMIN]
    facts = {**PAYLOADS, "payoutId": payout, "bookingId": "x", "nested": [PAYLOADS, {"deep": PAYLOADS}]}
    with cast.app.app_context(), operation():
        capfd.readouterr()
        facts |= {"ipAddress": "x", "userAgent": "y"}
        row = log_info("USER_LOGIN", LogActor.USER, PAYLOADS["lines"], "<script>x", facts)
    told = capfd.readouterr().err
    assert [json.loads(line)["type"] for line in told.splitlines()] == ["USER_LOGIN"]
    assert not set(told) & set("\u202e\u2066\u2028\u2029\x85\x1b")
    pages = [
        f"/dashboard/admin/system-logs?open={row}",
        "/dashboard/admin/system-logs?q=onerror",
        f"/dashboard/admin/system-logs/{row}",
        f"/dashboard/admin/traces/payout/{payout}",
        f"/dashboard/admin/payouts/{payout}",
    ]
    for page in pages:
        answer = admin.get(page)
        assert answer.status_code in {200, 400}, page
        assert "<script>alert" not in answer.text
        assert "<img src=x" not in answer.text
        assert "<b>key</b>" not in answer.text
        assert 'href="javascript:' not in answer.text.lower()
        assert "69811" not in answer.text


@pytest.mark.parametrize("what", ["megabyte", "keys", "depth", "wide"])
def test_metadata_without_measure_is_cut_and_shown(cast: Cast, session: Session, what: str) -> None:
    deep: Any = "end"
    for _ in range(7_000):
        deep = {"d": deep}
    large: Any = {
        "megabyte": "x" * 1_000_000,
        "keys": {f"k{n}": "x" * 50 for n in range(20_000)},
        "depth": deep,
        "wide": [["y" * 200] * 10] * 1_000,
    }[what]
    with cast.app.app_context(), operation():
        row = log_info("USER_LOGIN", LogActor.USER, None, None, {"ipAddress": "i", "userAgent": "u", "it": large})
    stored = session.scalars(select(Log).where(Log.id == row)).one()
    assert len(json.dumps(stored.details)) < 70_000
    admin = Browser(cast.app).sign_in(cast.people[Role.ADMIN])
    for page in (f"/dashboard/admin/system-logs?open={row}", f"/dashboard/admin/system-logs/{row}"):
        assert admin.get(page).status_code == 200
        assert len(admin.text) < 400_000


def test_a_user_agent_of_several_lines_stays_one(
    app: Flask, browser: Browser, session: Session, capfd: pytest.CaptureFixture[str]
) -> None:
    browser.get("/login")
    form = {**browser.form("/login").fields, "email": "nobody@example.test", "password": "wrong-password"}
    capfd.readouterr()
    agent = {"HTTP_USER_AGENT": PAYLOADS["lines"]}
    assert browser.client.post("/login", data=form, environ_overrides=agent).status_code == 401
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert "FAKE" not in {line["type"] for line in lines}
    row = session.scalars(select(Log).where(Log.type == "USER_LOGIN_FAILED")).one()
    assert row.details["userAgent"].startswith("agent")
