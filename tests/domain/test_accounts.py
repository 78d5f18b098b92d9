"""Accounts under several hands at once: one address once, never the last admin, nobody's own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.actor import SYSTEM, Actor
from portal.domain.doors import administering
from portal.domain.doors.accounts import AccountDraft, create_account, handle_from
from portal.domain.errors import NotFound, UserRefused
from portal.domain.work import utc_now
from portal.models import LogActor, Role, User, uuid7
from portal.unit_of_work import unit_of_work
from tests.factories import Factory
from tests.market import logged

REASON = "A quitté la maison"


def acting(user: User) -> Actor:
    return Actor(LogActor.ADMIN, str(user.id), user.id, user.name, user.email)


def at_once(app: Flask, acts: list[Callable[[Session], Any]]) -> list[str | None]:
    """Each act in a unit of its own, begun together; the event of its refusal, or None."""
    barrier = Barrier(len(acts))

    def run(act: Callable[[Session], Any]) -> str | None:
        with app.app_context():
            barrier.wait()
            try:
                with unit_of_work() as unit:
                    act(unit)
            except UserRefused as refusal:
                return refusal.event
        return None

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def enabled_admins(session: Session) -> list[User]:
    session.rollback()
    query = select(User).where(User.role == Role.ADMIN, User.disabled_at.is_(None))
    return list(session.scalars(query.execution_options(populate_existing=True)))


@pytest.mark.parametrize("verb", ["disable", "demote"])
def test_of_two_admins_who_remove_each_other_one_stays(
    app: Flask, factory: Factory, session: Session, verb: str
) -> None:
    ada, bob = factory.admin(), factory.admin()

    def against(victim: User, by: User) -> Callable[[Session], Any]:
        given: dict[str, Any] = {"user_id": victim.id, "reason": REASON, "actor": acting(by), "now": utc_now()}
        if verb == "disable":
            return lambda unit: administering.disable_user(unit, **given)
        return lambda unit: administering.change_role(unit, role=Role.USER, **given)

    told = at_once(app, [against(bob, ada), against(ada, bob)])
    assert sorted(told, key=str) == [None, "USER_CHANGE_REFUSED"]
    assert len(enabled_admins(session)) == 1
    [row] = logged(session, "USER_CHANGE_REFUSED")
    assert row.details["reason"] == "actor_no_admin"


def test_two_operators_do_not_disable_the_last_two_admins(app: Flask, factory: Factory, session: Session) -> None:
    people = [factory.admin(), factory.admin()]

    def disabling(one: User) -> Callable[[Session], Any]:
        return lambda unit: administering.disable_user(
            unit, user_id=one.id, reason=REASON, actor=SYSTEM, now=utc_now()
        )

    assert sorted(at_once(app, [disabling(one) for one in people]), key=str) == [None, "USER_CHANGE_REFUSED"]
    assert len(enabled_admins(session)) == 1
    assert [row.details["reason"] for row in logged(session, "USER_CHANGE_REFUSED")] == ["last_admin"]


@pytest.mark.parametrize("role", [Role.USER, Role.CREATOR])
def test_one_address_is_given_once(app: Flask, session: Session, role: Role) -> None:
    drafts = [AccountDraft("zoe@example.test", "Zoé", role, handle=f"zoe-{n}") for n in range(4)]

    def making(draft: AccountDraft) -> Callable[[Session], Any]:
        return lambda unit: create_account(unit, draft=draft, actor=SYSTEM)

    told = at_once(app, [making(draft) for draft in drafts])
    assert sorted(told, key=str) == [None] + ["USER_CHANGE_REFUSED"] * 3
    assert len(session.scalars(select(User)).all()) == 1
    assert len(logged(session, "USER_CREATED")) == 1


def test_one_handle_is_given_once(app: Flask, session: Session) -> None:
    def making(n: int) -> Callable[[Session], Any]:
        draft = AccountDraft(f"zoe{n}@example.test", "Zoé", Role.CREATOR)
        return lambda unit: create_account(unit, draft=draft, actor=SYSTEM)

    told = at_once(app, [making(n) for n in range(4)])
    assert sorted(told, key=str) == [None] + ["USER_CHANGE_REFUSED"] * 3
    assert {row.details["reason"] for row in logged(session, "USER_CHANGE_REFUSED")} == {"handle_taken"}


VERBS: dict[str, Callable[..., Any]] = {
    "disable": lambda unit, **given: administering.disable_user(unit, reason=REASON, **given),
    "enable": lambda unit, **given: administering.enable_user(unit, reason=REASON, **given),
    "role": lambda unit, **given: administering.change_role(unit, role=Role.USER, reason=REASON, **given),
    "second factor": lambda unit, **given: administering.reset_second_factor(unit, reason=REASON, **given),
    "sessions": administering.end_every_session,
    "link": administering.make_password_link,
}


@pytest.mark.parametrize("verb", VERBS)
def test_nobody_administers_their_own_account(
    context: Flask, factory: Factory, session: Session, verb: str
) -> None:
    ada = factory.admin()
    factory.admin()
    with pytest.raises(UserRefused) as refusal, unit_of_work() as unit:
        VERBS[verb](unit, user_id=ada.id, actor=acting(ada), now=utc_now())
    assert (refusal.value.event, refusal.value.status) == ("USER_ACCESS_DENIED", 403)
    [row] = logged(session, "USER_ACCESS_DENIED")
    assert (row.actor_id, row.details["userId"]) == (str(ada.id), str(ada.id))


@pytest.mark.parametrize("verb", VERBS)
def test_an_account_that_does_not_exist_is_not_found(context: Flask, factory: Factory, verb: str) -> None:
    with pytest.raises(NotFound), unit_of_work() as unit:
        VERBS[verb](unit, user_id=uuid7(), actor=acting(factory.admin()), now=utc_now())


@pytest.mark.parametrize(
    ("name", "handle"),
    [("Zoé Lambert", "zoe-lambert"), ("  Ægir!  O'Neil ", "gir-o-neil"), ("李", ""), ("x" * 80, "x" * 60)],
)
def test_a_handle_is_made_from_a_name(name: str, handle: str) -> None:
    assert handle_from(name) == handle
