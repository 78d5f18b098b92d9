"""Signing in and out: the form, safe returns, sessions that end, and what the book keeps."""

from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import Log, Role
from tests.browser import PASSWORD, Browser
from tests.factories import Factory

EMAIL = "alice@example.test"


@pytest.fixture(autouse=True)
def alice(factory: Factory) -> None:
    factory.admin(email=EMAIL, name="Alice")


def logged(session: Session, type: str) -> list[Any]:
    session.rollback()
    return list(session.scalars(select(Log).where(Log.type == type).order_by(Log.id)))


def sign_in_to(browser: Browser, target: str, password: str = PASSWORD) -> Any:
    browser.get(f"/login?next={target}")
    return browser.submit("/login", follow=False, email=EMAIL, password=password)


def test_a_sign_in_leads_home_by_role(app: Flask, factory: Factory) -> None:
    for role, home in {Role.ADMIN: "admin", Role.USER: "user"}.items():
        person = Browser(app).sign_in(factory.user(role).email)
        assert person.get("/dashboard").request.path == f"/dashboard/{home}"
    creator = Browser(app).sign_in(factory.creator().email)
    assert creator.get("/").request.path == "/dashboard/creator"


def test_the_address_wanted_before_is_kept_through_a_failure(browser: Browser) -> None:
    answer = browser.get("/dashboard/admin/payouts?status=PAID", follow=False)
    browser.get(answer.location)
    browser.submit("/login", email=EMAIL, password="wrong-password")
    assert browser.status == 401
    answer = browser.submit("/login", follow=False, email=EMAIL, password=PASSWORD)
    assert answer.location == "/dashboard/admin/payouts?status=PAID"


@pytest.mark.parametrize(
    "target",
    [
        "//evil.test",
        "/\\evil.test",
        "/%09/evil.test",
        "https://evil.test",
        "/%0d%0aX:y",
        "javascript:x",
        "/\\/evil",
    ],
)
def test_a_return_never_leaves_the_site(browser: Browser, target: str) -> None:
    answer = sign_in_to(browser, target)
    assert (answer.status_code, answer.location) == (302, "/dashboard")


def test_a_path_that_only_looks_odd_is_kept(browser: Browser) -> None:
    wanted = "/dashboard/admin/payouts?q=é//x"
    assert "/dashboard/admin/payouts" in sign_in_to(browser, quote(wanted, safe="")).location


@pytest.mark.parametrize("fields", [{"email": ""}, {"password": ""}, {"email": "", "password": ""}])
def test_an_empty_field_is_named_and_the_address_stays(browser: Browser, fields: dict[str, str]) -> None:
    browser.get("/login")
    browser.submit("/login", **{"email": EMAIL, "password": PASSWORD, **fields})
    assert browser.status == 422
    assert "à corriger" in browser.words
    assert ('value="alice@example.test"' in browser.text) == ("email" not in fields)


def test_a_wrong_password_and_an_unknown_address_answer_alike(browser: Browser) -> None:
    pages = []
    for email in (EMAIL, "nobody@example.test"):
        browser.get("/login")
        browser.submit("/login", email=email, password="wrong-password")
        assert browser.status == 401
        pages.append("Adresse e-mail ou mot de passe incorrect." in browser.words)
    assert pages == [True, True]


def test_sign_ins_are_recorded_with_address_and_browser(browser: Browser, session: Session) -> None:
    browser.client.environ_base["HTTP_USER_AGENT"] = "Firefox/140"
    sign_in_to(browser, "/", password="wrong-password")
    sign_in_to(browser, "/")
    [failed] = logged(session, "USER_LOGIN_FAILED")
    [done] = logged(session, "USER_LOGIN")
    for row in (failed, done):
        assert row.details["ipAddress"] == "127.0.0.1"
        assert row.details["userAgent"] == "Firefox/140"
    assert (failed.actor, failed.details["email"], failed.details["reason"]) == ("GUEST", EMAIL, "wrong_password")
    assert done.actor == "ADMIN"
    assert "wrong-password" not in str(failed.details)


def test_signing_out_kills_a_copied_cookie(app: Flask, browser: Browser, session: Session) -> None:
    browser.sign_in(EMAIL)
    cookie = browser.client.get_cookie("session")
    assert cookie is not None
    thief = app.test_client()
    thief.set_cookie("session", cookie.value)
    assert thief.get("/dashboard/admin/payouts").status_code == 200
    browser.get("/dashboard/admin/payouts")
    browser.submit("/logout")
    assert "Vous êtes déconnecté." in browser.words
    assert thief.get("/dashboard/admin/payouts").status_code == 302
    assert len(logged(session, "USER_LOGOUT")) == 1


def test_signing_out_is_no_link(browser: Browser) -> None:
    browser.sign_in(EMAIL)
    assert browser.get("/logout").status_code == 405


def test_without_a_csrf_token_nobody_signs_in(app: Flask) -> None:
    answer = app.test_client().post("/login", data={"email": EMAIL, "password": PASSWORD})
    assert answer.status_code == 400
    assert "Ce formulaire a expiré" in answer.text or "n’a pas pu être comprise" in answer.text


def test_the_sign_in_page_speaks_the_browsers_language(browser: Browser) -> None:
    browser.get("/login", headers={"Accept-Language": "en"})
    assert '<html lang="en"' in browser.text
    assert 'environment-demo">DEMO<' in browser.text
    browser.get("/login")
    assert '<html lang="fr"' in browser.text
    assert 'environment-demo">DÉMO<' in browser.text


def test_what_signing_in_takes_is_not_called_optional(browser: Browser) -> None:
    browser.get("/login")
    assert "Mot de passe" in browser.words
    assert "facultatif" not in browser.words
