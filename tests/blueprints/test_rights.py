"""The table of rights, cell by cell: every route by every role, for own, foreign and missing objects."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.models import Role
from tests.blueprints.cast import Cast
from tests.blueprints.rights import TABLE, Expected, Whose, cells, markdown
from tests.factories import Factory
from tests.market import logged

LAST = ("/delete", "DELETE ")
"""Acts after which an object is gone: asked for when all else has been."""


@pytest.fixture
def cast(app: Flask, factory: Factory, session: Session) -> Cast:
    return Cast(app, factory, session)


def met(expected: Expected, answer: Any) -> bool:
    """Whether an answer is the one that the table expects."""
    to_sign_in = answer.status_code == 302 and answer.headers["Location"].startswith("/login")
    if expected is Expected.SIGN_IN:
        return to_sign_in
    if expected is Expected.REACHED:
        return answer.status_code < 500 and answer.status_code not in {401, 403, 404, 405} and not to_sign_in
    return str(answer.status_code) == expected


def in_order(route: str) -> tuple[bool, bool, str]:
    method = route.partition(" ")[0]
    return route.endswith(LAST[0]) or method == "DELETE", method != "GET", route


def test_every_cell_answers_what_the_table_says(cast: Cast) -> None:
    browsers = cast.everybody()
    strangers = {role: cast.browser(email) for role, email in cast.strangers.items()}
    wrong, reached = [], 0
    for route in sorted(TABLE, key=in_order):
        if TABLE[route].secret or route.endswith((" /", " /dashboard", "/logout", " /login")):
            continue
        for role, whose, expected in cells(route):
            asking = strangers.get(role) if role and whose is Whose.FOREIGN else browsers[role]
            answer = cast.ask(asking or browsers[role], route, cast.values(whose, role))
            reached += expected is Expected.REACHED
            if not met(expected, answer):
                wrong.append((route, role, whose, f"{answer.status_code}, not {expected}"))
    assert wrong == [], "\n".join(map(str, wrong))
    assert reached > len(TABLE)


@pytest.mark.parametrize("party", ["seller", "buyer"])
def test_an_admin_who_is_concerned_is_refused_like_a_stranger(cast: Cast, session: Session, party: str) -> None:
    user_id, email = (cast.zoe.user_id, cast.zoe.email) if party == "seller" else (cast.paul.id, cast.paul.email)
    blocked = "is_payout_blocked = true, payout_block_reason = 'Litiges en cours'"
    session.execute(text("update \"user\" set role = 'ADMIN' where id = :id"), {"id": user_id})
    session.execute(text(f"update creator set {blocked} where id = :id"), {"id": cast.zoe.id})
    session.commit()
    concerned = [
        route for route, right in TABLE.items() if right.party and ("refund" in route or party == "seller")
    ]
    browser, more = cast.browser(email), {"creatorId": str(cast.zoe.id)}
    answers = {route: cast.ask(browser, route, more=more).status_code for route in concerned}
    assert answers == dict.fromkeys(concerned, 403)
    assert len(concerned) == (7 if party == "seller" else 2)
    assert len(logged(session, "USER_ACCESS_DENIED")) == len(concerned)


def test_signing_in_and_out_are_everybodys(cast: Cast) -> None:
    for role, email in [(None, None), *cast.people.items()]:
        home = cast.ask(cast.browser(email), "GET /")
        assert home.headers["Location"] == ("/login" if role is None else home.headers["Location"])
        assert cast.ask(cast.browser(email), "POST /logout").headers["Location"] == "/login"
        assert cast.ask(cast.browser(email), "GET /login").status_code == (200 if role is None else 302)


def test_no_session_opens_what_a_secret_guards(cast: Cast, change_settings: Any) -> None:
    change_settings(metrics_token="a-token-of-the-tests")
    answers = {400, 401, 404}
    secret = [route for route in TABLE if TABLE[route].secret]
    asked = [cast.ask(browser, r).status_code for browser in cast.everybody().values() for r in secret]
    assert set(asked) <= answers


def test_an_auditor_sees_no_button_that_acts(cast: Cast) -> None:
    auditor, admin = cast.browser(cast.people[Role.AUDITOR]), cast.browser(cast.people[Role.ADMIN])
    acts = [r.partition(" ")[2] for r, right in TABLE.items() if right.roles == {Role.ADMIN} and r[:3] == "GET"]
    shown = {True: 0, False: 0}
    for route in [r for r, right in TABLE.items() if Role.AUDITOR in (right.roles or ()) and r[:3] == "GET"]:
        for acting, browser in ((True, admin), (False, auditor)):
            page = cast.ask(browser, route).text
            here = {**cast.names, "name": cast.names["name"]}
            shown[acting] += sum(f'href="{cast.path(f"GET {act}", here)}"' in page for act in acts)
    assert shown[True] > 5
    assert shown[False] == 0


def test_the_table_prints_itself() -> None:
    lines = markdown().splitlines()
    approve = "GET /dashboard/admin/payouts/<payout_id>/approve"
    booking = "GET /dashboard/user/bookings/<booking_id>"
    assert f"| `{approve}` | own | 302 /login | 403 | 403 | reached | 403 |" in lines
    assert f"| `{booking}` | foreign | 302 /login | 404 | 403 | 403 | 403 |" in lines
