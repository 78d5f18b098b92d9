"""A second factor: set up, asked for at sign-in, used once, recovered from, taken away."""

import re
from datetime import UTC, datetime
from typing import Any

import pyotp
import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.models import Log, SecondFactor, UserSession
from tests.browser import PASSWORD, Browser
from tests.factories import Factory

EMAIL = "alice@example.test"


@pytest.fixture(autouse=True)
def alice(factory: Factory) -> Any:
    return factory.admin(email=EMAIL, name="Alice")


def code_of(session: Session) -> str:
    """A code that was not used yet; time is turned back for it."""
    session.rollback()
    factor = session.scalars(select(SecondFactor)).one()
    session.execute(text("update second_factor set last_step = 0"))
    session.commit()
    return pyotp.TOTP(factor.secret).at(datetime.now(UTC))


def types(session: Session) -> list[str]:
    session.rollback()
    return list(session.scalars(select(Log.type).where(Log.type.like("USER_%")).order_by(Log.id)))


def enable(browser: Browser, session: Session) -> list[str]:
    browser.get("/account/second-factor")
    if "/second-factor/begin" in browser.text:
        browser.submit("/account/second-factor/begin")
    browser.submit("/account/second-factor", code=code_of(session))
    return re.findall(r"<code>([a-z0-9-]{19})</code>", browser.text)


def sign_in(app: Flask, **fields: str) -> Browser:
    browser = Browser(app)
    browser.get("/login")
    browser.submit("/login", follow=False, **{"email": EMAIL, "password": PASSWORD, **fields})
    return browser


def test_it_is_set_up_with_a_code_and_ends_other_sessions(app: Flask, browser: Browser, session: Session) -> None:
    other = Browser(app).sign_in(EMAIL)
    cookie = browser.sign_in(EMAIL).client.get_cookie("session")
    browser.get("/account/second-factor")
    assert browser.get("/account/second-factor/code.svg").status_code == 404
    browser.get("/account/second-factor")
    browser.submit("/account/second-factor/begin")
    secret = session.scalars(select(SecondFactor.secret)).one()
    image = browser.client.get("/account/second-factor/code.svg")
    assert (image.mimetype, image.headers["Cache-Control"]) == ("image/svg+xml", "no-store")
    assert "style" not in image.text
    browser.submit("/account/second-factor", code="000000")
    assert (browser.status, "Ce code n’est pas le bon" in browser.words) == (422, True)
    assert sign_in(app).status == 302
    assert len(enable_codes := enable(browser, session)) == 10
    assert len(set(enable_codes)) == 10
    assert other.get("/account/security", follow=False).status_code == 302
    assert cookie is not None
    thief = app.test_client()
    thief.set_cookie("session", cookie.value)
    assert thief.get("/account/security").status_code == 302
    assert secret not in str(session.scalars(select(Log.details)).all())
    assert browser.get("/account/security").status_code == 200


def test_a_sign_in_asks_for_the_code_after_the_password(app: Flask, browser: Browser, session: Session) -> None:
    enable(browser.sign_in(EMAIL), session)
    asked = sign_in(app)
    assert (asked.status, "Votre code" in asked.words) == (401, True)
    assert PASSWORD not in asked.text
    form = asked.form("/login").fields
    assert form["email"] == EMAIL
    assert "password" not in form
    asked.submit("/login", follow=False, code="123456")
    assert (asked.status, "Code incorrect" in asked.words) == (401, True)
    asked.submit("/login", follow=False, code=code_of(session))
    assert (asked.status, asked.page and asked.page.headers["Location"]) == (302, "/dashboard")
    assert asked.get("/account/security").status_code == 200


def test_all_three_fields_at_once_sign_in_and_a_code_verifies_once(
    app: Flask, browser: Browser, session: Session
) -> None:
    enable(browser.sign_in(EMAIL), session)
    code = code_of(session)
    assert sign_in(app, code=code).status == 302
    assert sign_in(app, code=code).status == 401
    assert sign_in(app, code=code, password="wrong-password").status == 401
    assert sign_in(app, proof="forged", password="", code=code_of(session)).status == 401


def test_a_proof_is_its_accounts_and_dies_with_the_password(
    app: Flask, browser: Browser, session: Session, factory: Factory
) -> None:
    enable(browser.sign_in(EMAIL), session)
    asked = sign_in(app)
    proof = asked.form("/login").fields["proof"]
    factory.admin(email="bea@example.test")
    assert sign_in(app, email="bea@example.test", password="", proof=proof).status == 401
    session.execute(text("update \"user\" set password_hash = 'x' where email = :email"), {"email": EMAIL})
    session.commit()
    asked.submit("/login", follow=False, code=code_of(session))
    assert asked.status == 401


def test_a_recovery_code_opens_once(app: Flask, browser: Browser, session: Session) -> None:
    codes = enable(browser.sign_in(EMAIL), session)
    assert sign_in(app, code=codes[3].upper().replace("-", " ")).status == 302
    assert sign_in(app, code=codes[3]).status == 401
    assert "Il vous reste 9 codes" in browser.get("/account/security").text.replace("\xa0", " ")
    assert types(session)[-3:-1] == ["USER_RECOVERY_CODE_USED", "USER_LOGIN"]
    browser.get("/account/second-factor/codes")
    browser.submit("/account/second-factor/codes", confirm_password=PASSWORD, confirm_code=code_of(session))
    fresh = re.findall(r"<code>([a-z0-9-]{19})</code>", browser.text)
    assert len(fresh) == 10
    assert sign_in(app, code=codes[0]).status == 401
    assert sign_in(app, code=fresh[0]).status == 302


def test_taking_it_away_wants_password_and_code(app: Flask, browser: Browser, session: Session) -> None:
    enable(browser.sign_in(EMAIL), session)
    path = "/account/second-factor/disable"
    browser.get(path)
    for wrong in ({"confirm_code": "000000"}, {"confirm_code": code_of(session), "confirm_password": "wrong"}):
        browser.submit(path, **{"confirm_password": PASSWORD, **wrong})
        assert browser.status == 401
    browser.submit(path, confirm_password=PASSWORD, confirm_code=code_of(session))
    assert "Le second facteur est désactivé" in browser.words
    assert sign_in(app).status == 302
    assert session.scalars(select(SecondFactor)).all() == []
    assert "USER_SECOND_FACTOR_DISABLED" in types(session)


def test_codes_are_guessed_no_faster_than_passwords(app: Flask, browser: Browser, session: Session) -> None:
    enable(browser.sign_in(EMAIL), session)
    statuses = [sign_in(app, code="000000").status for _ in range(5)]
    assert statuses == [401] * 5
    waiting = sign_in(app, code=code_of(session))
    assert (waiting.status, waiting.page and waiting.page.headers["Retry-After"]) == (429, "5")
    assert types(session)[-1] == "USER_LOGIN_DELAYED"


def test_admins_must_have_one_where_the_portal_says_so(
    app: Flask, browser: Browser, session: Session, change_settings: Any
) -> None:
    change_settings(admins_need_second_factor=True)
    browser.sign_in(EMAIL)
    answer = browser.get("/dashboard/admin/payouts", follow=False)
    assert answer.headers["Location"] == "/account/second-factor"
    assert browser.client.get("/api/admin/payouts").status_code == 403
    assert browser.client.get("/account/security").status_code == 200
    enable(browser, session)
    assert browser.get("/dashboard/admin/payouts", follow=False).status_code == 200
    assert session.scalars(select(UserSession.id).where(UserSession.ended_at.is_(None))).all()
