"""Sessions: rotated, listed, ended, worth nothing when stolen; recent where money moves; passwords changed."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.models import Log, PayoutStatus, User, UserSession
from tests.browser import PASSWORD, Browser
from tests.factories import Factory

EMAIL = "alice@example.test"
NEW = "velours tambour girafe"


@pytest.fixture(autouse=True)
def alice(factory: Factory) -> User:
    return factory.admin(email=EMAIL, name="Alice")


def age(session: Session, **columns: str) -> None:
    """Move moments of every session into the past."""
    changes = ", ".join(f"{name} = {name} - interval '{span}'" for name, span in columns.items())
    session.execute(text(f"update user_session set {changes}"))
    session.commit()


def copied(app: Flask, browser: Browser) -> Any:
    """A thief's client, with the cookie as it is now."""
    cookie = browser.client.get_cookie("session")
    assert cookie is not None
    thief = app.test_client()
    thief.set_cookie("session", cookie.value)
    return thief


def last(session: Session) -> Any:
    session.rollback()
    return session.scalars(select(Log).where(Log.type.like("USER_%")).order_by(Log.id.desc()).limit(1)).one()


PAGE = "/account/security"


@pytest.mark.parametrize("aged", [{"seen_at": "8 hours 1 minute"}, {"expires_at": "7 days 1 minute"}])
def test_sessions_end_unused_and_at_all(browser: Browser, session: Session, aged: dict[str, str]) -> None:
    browser.sign_in(EMAIL)
    age(session, **aged)
    assert browser.get(PAGE, follow=False).status_code == 302


def test_a_token_changes_by_the_hour_and_the_old_one_serves_what_was_on_its_way(
    app: Flask, browser: Browser, session: Session
) -> None:
    browser.sign_in(EMAIL)
    late = copied(app, browser)
    assert browser.get(PAGE).status_code == 200
    [before] = session.scalars(select(UserSession.token_hash))
    age(session, rotated_at="61 minutes")
    assert browser.client.get("/api/admin/payouts").status_code == 200
    session.rollback()
    assert session.scalars(select(UserSession.token_hash)).all() == [before]
    assert browser.get(PAGE).status_code == 200
    session.rollback()
    assert session.scalars(select(UserSession.token_hash)).all() != [before]
    assert late.get(PAGE).status_code == 200
    assert copied(app, browser).get(PAGE).status_code == 200
    age(session, rotated_at="61 minutes")
    assert (late.get(PAGE).status_code, browser.get(PAGE).status_code) == (200, 200)


def test_an_old_token_that_comes_back_ends_the_session_for_both(
    app: Flask, browser: Browser, session: Session
) -> None:
    browser.sign_in(EMAIL)
    thief = copied(app, browser)
    age(session, rotated_at="61 minutes")
    browser.get(PAGE)
    age(session, rotated_at="2 minutes")
    assert thief.get(PAGE).status_code == 302
    assert browser.get(PAGE, follow=False).status_code == 302
    assert last(session).type == "USER_SESSION_REPLAYED"


def test_signing_in_again_ends_the_session_before(app: Flask, browser: Browser) -> None:
    browser.get("/login")
    form = dict(browser.form("/login").fields)
    browser.sign_in(EMAIL)
    thief = copied(app, browser)
    browser.get(PAGE)
    form["csrf_token"] = browser.form("/logout").fields["csrf_token"]
    browser.client.post("/login", data={**form, "email": EMAIL, "password": PASSWORD})
    assert (thief.get(PAGE).status_code, browser.get(PAGE).status_code) == (302, 200)


def test_sessions_are_listed_and_ended_one_by_one_or_all_others(
    app: Flask, browser: Browser, session: Session, factory: Factory
) -> None:
    stranger = factory.user()
    Browser(app).sign_in(stranger.email)
    phone, tablet = Browser(app), Browser(app)
    phone.client.environ_base["HTTP_USER_AGENT"] = "Mozilla/5.0 (iPhone) Version/18 Safari/605"
    phone.sign_in(EMAIL)
    tablet.sign_in(EMAIL)
    browser.sign_in(EMAIL).get(PAGE)
    assert browser.text.count("data-session-id") == 3
    assert ("Safari, iPhone" in browser.words, browser.words.count("Celle-ci")) == (True, 1)
    session.rollback()
    ids = {row.user_agent: row.id for row in session.scalars(select(UserSession).order_by(UserSession.seen_at))}
    browser.submit(f"/account/sessions/{ids['Mozilla/5.0 (iPhone) Version/18 Safari/605']}/end")
    assert phone.get(PAGE, follow=False).status_code == 302
    foreign = session.scalars(select(UserSession.id).where(UserSession.user_id == stranger.id)).one()
    token = browser.form("/logout").fields["csrf_token"]
    answer = browser.client.post(f"/account/sessions/{foreign}/end", data={"csrf_token": token})
    assert answer.status_code == 404
    browser.submit("/account/sessions/end-others")
    assert "1 autre session terminée" in browser.words
    assert (tablet.get(PAGE, follow=False).status_code, browser.get(PAGE).status_code) == (302, 200)
    facts = last(session).details
    assert (last(session).type, facts["sessions"]) == ("USER_SESSIONS_ENDED", 1)
    browser.client.post("/account/sessions/end-others", data={"csrf_token": token})
    assert "0 autre session terminée" in browser.get(PAGE).text


def test_a_changed_password_ends_other_sessions_and_stolen_cookies(
    app: Flask, browser: Browser, session: Session
) -> None:
    other = Browser(app).sign_in(EMAIL)
    browser.sign_in(EMAIL)
    thief = copied(app, browser)
    browser.get("/account/password")
    for fields, status, words in (
        ({"old": "wrong-password", "new": NEW, "again": NEW}, 403, "Ce n’est pas votre mot de passe"),
        ({"old": PASSWORD, "new": NEW, "again": "other"}, 422, "Les deux mots de passe diffèrent"),
        ({"old": PASSWORD, "new": "court", "again": "court"}, 422, "au moins 12 caractères"),
        ({"old": PASSWORD, "new": PASSWORD, "again": PASSWORD}, 422, "un autre mot de passe"),
    ):
        browser.submit("/account/password", **fields)
        assert (browser.status, words in browser.words) == (status, True)
        assert "wrong-password" not in browser.text
    browser.submit("/account/password", old=PASSWORD, new=NEW, again=NEW)
    assert "Mot de passe changé" in browser.words
    assert thief.get(PAGE).status_code == 302
    assert other.get(PAGE, follow=False).status_code == 302
    assert browser.get(PAGE).status_code == 200
    assert Browser(app).sign_in(EMAIL).status == 401
    assert Browser(app).sign_in(EMAIL, NEW).status == 302


def test_a_disabled_account_is_out_at_once_and_answers_like_an_unknown_one(
    app: Flask, browser: Browser, session: Session
) -> None:
    browser.sign_in(EMAIL)
    session.execute(text('update "user" set disabled_at = now() where email = :email'), {"email": EMAIL})
    session.commit()
    assert browser.get(PAGE, follow=False).status_code == 302
    pages = [Browser(app).sign_in(email) for email in (EMAIL, "nobody@example.test")]
    assert {(page.status, "Adresse e-mail ou mot de passe incorrect." in page.words) for page in pages} == {
        (401, True)
    }


def test_too_many_guesses_wait_and_a_known_browser_does_not(
    app: Flask, browser: Browser, session: Session
) -> None:
    browser.sign_in(EMAIL).get(PAGE)
    browser.submit("/logout")
    statuses = [Browser(app).sign_in(EMAIL, "wrong-password").status for _ in range(6)]
    assert statuses == [401] * 5 + [429]
    waiting = Browser(app).sign_in(EMAIL)
    assert waiting.page is not None
    assert 1 <= int(waiting.page.headers["Retry-After"]) <= 5
    assert "réessayez dans" in waiting.words
    assert last(session).type == "USER_LOGIN_DELAYED"
    assert browser.sign_in(EMAIL).status == 302
    session.execute(text("update sign_in_wait set open_at = now()"))
    session.commit()
    assert Browser(app).sign_in(EMAIL).status == 302


def test_money_asks_for_a_recent_sign_in_and_keeps_what_was_typed(
    app: Flask, browser: Browser, session: Session, factory: Factory
) -> None:
    payout = factory.payout(factory.creator(name="Zoé"))
    page = f"/dashboard/admin/payouts/{payout.id}/reject"
    browser.sign_in(EMAIL).get(page)
    age(session, confirmed_at="11 minutes")
    reason = "Pièce d’identité illisible"
    browser.submit(page, follow=False, reason=reason)
    assert (browser.status, "Confirmez que c’est vous" in browser.words) == (403, True)
    browser.submit(page, follow=False, confirm_password="wrong-password")
    assert (browser.status, browser.form(page).fields["reason"]) == (401, reason)
    thief = copied(app, browser)
    browser.submit(page, follow=False, confirm_password=PASSWORD)
    assert (browser.status, reason in browser.words) == (200, True)
    assert PASSWORD not in browser.text
    session.rollback()
    assert session.get_one(type(payout), payout.id).status is PayoutStatus.REQUESTED
    assert thief.get(PAGE).status_code == 302
    browser.submit(page, follow=False, reason=reason)
    session.rollback()
    session.expire_all()
    assert session.get_one(type(payout), payout.id).status is PayoutStatus.REJECTED


def test_a_page_asks_on_the_way_and_a_program_is_told(
    browser: Browser, session: Session, factory: Factory
) -> None:
    payout = factory.payout(factory.creator())
    page = f"/dashboard/admin/payouts/{payout.id}/approve"
    browser.sign_in(EMAIL).get("/dashboard/admin/payouts")
    age(session, confirmed_at="11 minutes")
    told = browser.send_json("POST", f"/api/admin/payouts/{payout.id}/approve")
    assert (told.status_code, told.json["error"]) == (403, "USER_CONFIRMATION_WANTED")
    assert told.json["details"] == {"maxAgeSeconds": "600"}
    answer = browser.get(page, follow=False)
    assert answer.headers["Location"].startswith("/login/confirm?next=")
    browser.get(answer.headers["Location"])
    answer = browser.submit("/login/confirm", follow=False, confirm_password=PASSWORD)
    assert answer.headers["Location"] == page
    assert browser.get(page, follow=False).status_code == 200
    assert last(session).type == "USER_CONFIRMED"
