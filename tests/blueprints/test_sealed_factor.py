"""Authenticators' secrets lie encrypted: under today's key, under an earlier one, under one that is gone."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pyotp
import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.models import SecondFactor, User, sealed_text
from tests.blueprints.test_second_factor import EMAIL, enable, sign_in
from tests.browser import Browser
from tests.conftest import SECRETS
from tests.factories import Factory
from tests.market import logged

KEY = SECRETS["SECRET_KEY"]


@pytest.fixture(autouse=True)
def alice(factory: Factory) -> Iterator[User]:
    yield factory.admin(email=EMAIL, name="Alice")
    sealed_text.configure([KEY])


def stored(session: Session) -> str:
    """What a backup would hold."""
    session.rollback()
    return str(session.scalar(text("select secret from second_factor")))


def enter(app: Flask, session: Session, secret: str) -> int:
    """Sign in with the code of `secret`, which was not used yet."""
    session.execute(text("update second_factor set last_step = 0"))
    session.commit()
    return sign_in(app, code=pyotp.TOTP(secret).at(datetime.now(UTC))).status


@pytest.fixture
def secret(browser: Browser, session: Session) -> str:
    """The secret of a second factor that guards the account."""
    enable(browser.sign_in(EMAIL), session)
    session.rollback()
    return str(session.scalars(select(SecondFactor.secret)).one())


def test_the_database_holds_no_secret_and_a_code_is_right(app: Flask, session: Session, secret: str) -> None:
    assert (secret in stored(session), stored(session)[:6]) == (False, sealed_text.PREFIX)
    before = stored(session)
    assert enter(app, session, secret) == 302
    assert stored(session) != before


def test_a_secret_from_before_is_sealed_with_its_first_use(app: Flask, session: Session, secret: str) -> None:
    session.execute(text("update second_factor set secret = :plain"), {"plain": secret})
    session.commit()
    assert enter(app, session, secret) == 302
    assert stored(session).startswith(sealed_text.PREFIX)


def test_an_earlier_key_opens_and_the_newest_seals(app: Flask, session: Session, secret: str) -> None:
    sealed_text.configure(["tomorrow's key", KEY])
    assert enter(app, session, secret) == 302
    sealed_text.configure(["tomorrow's key"])
    assert enter(app, session, secret) == 302


def test_every_secret_is_sealed_before_a_key_goes(app: Flask, session: Session, secret: str) -> None:
    sealed_text.configure(["tomorrow's key", KEY])
    asked = app.test_cli_runner().invoke(args=["users", "seal-second-factors"])
    assert (asked.exit_code, asked.stdout) == (0, "1 sealed, 0 that no key opens\n")
    sealed_text.configure(["tomorrow's key"])
    assert enter(app, session, secret) == 302
    [row] = logged(session, "USER_SECOND_FACTORS_SEALED")
    assert (row.details["sealed"], row.details["unreadable"]) == (1, 0)


def test_without_the_key_no_code_is_right_but_a_recovery_code_is(
    app: Flask, browser: Browser, session: Session, alice: User
) -> None:
    codes = enable(browser.sign_in(EMAIL), session)
    session.rollback()
    secret = str(session.scalars(select(SecondFactor.secret)).one())
    sealed_text.configure(["another key"])
    before = stored(session)
    assert enter(app, session, secret) == 401
    [row] = logged(session, "USER_SECOND_FACTOR_UNREADABLE")
    assert row.details["userId"] == str(alice.id)
    asked = app.test_cli_runner().invoke(args=["users", "seal-second-factors"])
    assert asked.stdout == "0 sealed, 1 that no key opens\n"
    assert stored(session) == before
    assert sign_in(app, code=codes[0]).status == 302
