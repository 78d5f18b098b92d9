"""Which passwords may be chosen, and that hashes grow with their parameters."""

import pytest
from argon2 import PasswordHasher
from flask import Flask

from portal.domain import people
from portal.domain.doors.passwords import refuse_password
from portal.domain.doors.signing_in import Guess, sign_in
from portal.domain.errors import PasswordRefused
from portal.domain.people import Browser, Limits
from portal.domain.work import utc_now
from portal.models import User
from portal.unit_of_work import unit_of_work
from tests.browser import PASSWORD
from tests.factories import Factory

ABOUT = ("alice.durand@example.test", "Alice Durand")


@pytest.mark.parametrize(
    "password",
    [
        "velours tambour girafe",
        "correct horse battery",
        "Xk8#pQ2!vR9mZz",
        "мой пароль хорош",
        "12345-velours-tambour",
    ],
)
def test_words_that_have_nothing_to_do_with_each_other_are_taken(password: str) -> None:
    assert refuse_password(password, about=ABOUT) is None  # nothing raised


@pytest.mark.parametrize(
    "password",
    ["court", "x" * 2_000, "aaaaaaaaaaaaaa", "motdepasse2026!", "Password123456", "azertyazerty12",
     "callastar-2026!",
     "alice.durand-2026",
     "ababababababab", "123456789012345"],
)  # fmt: skip
def test_what_is_tried_first_is_refused(password: str) -> None:
    with pytest.raises(PasswordRefused):
        refuse_password(password, about=ABOUT)


def test_a_sign_in_renews_a_hash_made_with_weaker_parameters(
    app: Flask, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = factory.user()
    before = user.password_hash
    monkeypatch.setattr(people, "HASHER", PasswordHasher(time_cost=2, memory_cost=1024, parallelism=1))
    limits = Limits(app.extensions["settings"].idle_limit, app.extensions["settings"].session_limit)
    with app.app_context():
        guess, here = Guess(user.email, PASSWORD), Browser(None, None)
        sign_in(unit_of_work, guess, keys=(), browser=here, limits=limits, clock=utc_now)
    factory.session.rollback()
    after = factory.session.get_one(User, user.id, populate_existing=True).password_hash
    assert (after != before, "t=2" in after) == (True, True)
