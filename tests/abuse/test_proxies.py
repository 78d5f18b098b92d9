"""Forged Host and X-Forwarded-*: without trusted proxies they reach no log, no link, no redirect."""

import re

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.middleware.proxy_fix import ProxyFix

from portal import _behind_proxies
from portal.models import Log
from tests.browser import Browser
from tests.factories import Factory

FORGED = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Host": "evil.test",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Port": "4443",
    "X-Forwarded-Prefix": "/evil",
    "Forwarded": "for=203.0.113.9;host=evil.test;proto=https",
    "X-Real-IP": "203.0.113.9",
    "X-HTTP-Method-Override": "DELETE",
    "X-Original-URL": "/dashboard/admin",
    "X-Rewrite-URL": "/dashboard/admin",
}
ADMIN = "/dashboard/admin"
PAGES = ("/login", "/creators", ADMIN, f"{ADMIN}/system-logs", f"{ADMIN}/logs", "/nowhere")


def test_forged_headers_reach_no_link_redirect_or_cookie(browser: Browser, factory: Factory) -> None:
    browser.sign_in(factory.admin().email)
    for path in PAGES:
        answer = browser.get(path, headers={**FORGED, "Host": "evil.test"}, follow=False)
        told = answer.text + str(answer.headers)
        assert not re.search(r"evil|203\.0\.113|4443|Strict-Transport", told), path
    guest = Browser(browser.client.application)
    answer = guest.get("/dashboard/admin", headers={**FORGED, "Host": "evil.test"}, follow=False)
    assert answer.headers["Location"].startswith("/login?next=")


def test_the_log_names_the_address_that_really_connected(browser: Browser, session: Session) -> None:
    browser.get("/login", headers=FORGED)
    form = browser.form("/login")
    told = {**form.fields, "email": "nobody@example.test", "password": "wrong-password"}
    assert browser.client.post("/login", data=told, headers=FORGED).status_code == 401
    row = session.scalars(select(Log).where(Log.type == "USER_LOGIN_FAILED")).one()
    assert row.details["ipAddress"] == "127.0.0.1"
    assert "203.0.113.9" not in str(row.details)


@pytest.mark.parametrize(
    ("trusted", "given", "address"),
    [
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "10.0.0.66, 203.0.113.9", "203.0.113.9"),
        (2, "198.51.100.1, 203.0.113.9, 10.0.0.1", "203.0.113.9"),
    ],
)
def test_as_many_proxies_as_are_ours_are_believed_and_no_more(
    app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch, trusted: int, given: str, address: str
) -> None:
    monkeypatch.setattr(app, "wsgi_app", app.wsgi_app)
    _behind_proxies(app, trusted)
    assert isinstance(app.wsgi_app, ProxyFix)
    browser = Browser(app)
    told = {**FORGED, "X-Forwarded-For": given, "X-Forwarded-Proto": "https,https"}
    answer = browser.get("/login", headers=told)
    assert answer.headers["Strict-Transport-Security"]
    assert "evil" not in answer.text
    told = {**browser.form("/login").fields, "email": "nobody@example.test", "password": "wrong-password"}
    browser.client.post("/login", data=told, headers={"X-Forwarded-For": given})
    row = session.scalars(select(Log).where(Log.type == "USER_LOGIN_FAILED")).one()
    assert row.details["ipAddress"] == address


def test_a_host_that_is_not_ours_is_refused(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "TRUSTED_HOSTS", ["portal.example", "127.0.0.1"])
    client = app.test_client()
    for host in ("portal.example", "evil.test", "portal.example.evil.test", "a b"):
        ours = host == "portal.example"
        for path, status in {"/login": 200, "/nowhere": 404, "/api/nowhere": 404}.items():
            answer = client.get(path, headers={"Host": host})
            assert answer.status_code == (status if ours else 400), (host, path)
            assert answer.headers["X-Frame-Options"] == "DENY"
            assert ours or host not in answer.text
    assert client.post("/login", headers={"Host": "evil.test"}, data={"a": "b"}).status_code == 400
