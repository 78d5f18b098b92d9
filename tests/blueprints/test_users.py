"""Accounts: the list, one account, making one, and what admins do to other people's."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.models import Creator, Log, Role, User, UserSession, uuid7
from tests.browser import PASSWORD, Browser
from tests.factories import UNKNOWN_ID, Factory
from tests.market import fresh, logged

LIST = "/dashboard/admin/users"
REASON = "Demande écrite du 27 novembre"
NEW = "velours tambour girafe"
REASONED = ["disable", "enable", "role", "second-factor"]
ACTS = [*REASONED, "sessions", "link"]


@pytest.fixture
def alice(factory: Factory) -> User:
    return factory.admin(name="Alice")


@pytest.fixture
def admin(browser: Browser, alice: User) -> Browser:
    return browser.sign_in(alice.email)


@pytest.fixture
def paul(factory: Factory) -> User:
    return factory.user(name="Paul Petit", email="paul@example.test")


def guard(session: Session, user: User) -> None:
    """Give somebody a second factor."""
    columns = "(user_id, secret, confirmed_at) values (:id, 'JBSWY3DPEHPK3PXP', now())"
    session.execute(text(f"insert into second_factor {columns}"), {"id": user.id})
    session.commit()


def act(browser: Browser, user: User, name: str, **values: str) -> int:
    """Open the page of an act and send its form."""
    browser.get(f"{LIST}/{user.id}/{name}")
    return browser.submit(f"/{user.id}/{name}", **values).status_code


def link_in(browser: Browser) -> str:
    """The path of the link that the page shows."""
    return "/login/password/" + browser.text.partition("/login/password/")[2].partition("<")[0]


def test_the_list_is_searched_and_narrowed(
    admin: Browser, app: Flask, factory: Factory, session: Session, alice: User, paul: User
) -> None:
    zoe = factory.creator(name="Zoé Lambert").user
    ada = factory.user(Role.AUDITOR, name="Ada 100 %")
    guard(session, ada)
    Browser(app).sign_in(paul.email)
    session.execute(text('update "user" set disabled_at = now() where id = :id'), {"id": zoe.id})
    session.commit()
    found: dict[str, set[User]] = {
        "": {alice, paul, zoe, ada},
        "q=lambert": {zoe},
        "q=PAUL@": {paul},
        "q=%25": {ada},
        "role=ADMIN": {alice},
        "role=CREATOR&state=enabled": set(),
        "state=disabled": {zoe},
        "state=unguarded": {alice, paul},
        "state=never": {zoe, ada},
        "role=USER&state=enabled&q=petit": {paul},
    }
    for query, wanted in found.items():
        assert admin.get(f"{LIST}?{query}").status_code == 200
        shown = {user for user in (alice, paul, zoe, ada) if f'"{LIST}/{user.id}"' in admin.text}
        assert shown == wanted, query
    assert "Aucun compte ne correspond" in admin.get(f"{LIST}?q=nobody").text


def test_the_list_is_paged(admin: Browser, factory: Factory) -> None:
    people = [factory.user() for _ in range(30)]
    admin.get(f"{LIST}?role=USER&limit=25")
    first = {user for user in people if str(user.id) in admin.text}
    following = admin.text.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    admin.get(following)
    second = {user for user in people if str(user.id) in admin.text}
    assert (len(first), len(second), first | second) == (25, 5, set(people))


@pytest.mark.parametrize(
    "query", ["role=X", "state=x", "limit=1", "cursor=zzz", "q=%00", "colour=red", "role=USER&role=ADMIN"]
)
def test_a_bad_parameter_is_named(admin: Browser, query: str) -> None:
    assert admin.get(f"{LIST}?{query}").status_code == 400
    assert query.partition("=")[0] in admin.words


def test_one_account_is_shown_with_what_guards_it(
    admin: Browser, app: Flask, factory: Factory, session: Session, paul: User
) -> None:
    guard_less = admin.get(f"{LIST}/{paul.id}").text
    assert ("Second facteur inactif" in admin.words, "Dernière connexion jamais" in admin.words) == (True, True)
    assert f"actorId={paul.id}" in guard_less
    Browser(app).sign_in(paul.email)
    guard(session, paul)
    words = admin.get(f"{LIST}/{paul.id}") and admin.words
    for shown in ("paul@example.test", "Client", "Second facteur actif", "Sessions ouvertes 1", "127.0.0.1"):
        assert shown in words, shown
    zoe = factory.creator()
    assert f"actorId={zoe.id}" in admin.get(f"{LIST}/{zoe.user_id}").text
    assert f'"/dashboard/admin/creators/{zoe.id}"' in admin.text
    assert f'"{LIST}/{zoe.user_id}"' in admin.get(f"/dashboard/admin/creators/{zoe.id}").text


@pytest.mark.parametrize("role", list(Role))
def test_an_account_is_made_and_opened_by_its_link_once(
    app: Flask, admin: Browser, session: Session, alice: User, role: Role
) -> None:
    admin.get(f"{LIST}/new")
    admin.submit("/users/new", email=" Zoe@Example.test", name="Zoé  Lambert", role=role, currency="CHF")
    assert (admin.status, "ne sera plus jamais montré" in admin.words) == (200, True)
    path = link_in(admin)
    user = session.scalars(select(User).where(User.email == "zoe@example.test")).one()
    assert (user.name, user.role) == ("Zoé Lambert", role)
    handles = [(c.handle, c.currency) for c in session.scalars(select(Creator))]
    assert handles == ([("zoe-lambert", "CHF")] if role is Role.CREATOR else [])
    rows = logged(session, "USER_CREATED", "USER_PASSWORD_LINK_MADE")
    assert [(row.type, row.actor_id) for row in rows] == [
        ("USER_CREATED", str(alice.id)), ("USER_PASSWORD_LINK_MADE", str(alice.id))
    ]  # fmt: skip
    token = path.rpartition("/")[2]
    assert not any(token in str(row.details) + row.message for row in session.scalars(select(Log)))
    assert token not in admin.get(f"{LIST}/{user.id}").text
    assert "Un lien de mot de passe attend" in admin.words
    zoe = Browser(app)
    zoe.get(path)
    zoe.submit(path, new=NEW, again=NEW)
    assert zoe.get(path).status_code == 404
    assert zoe.sign_in("zoe@example.test", NEW).get("/dashboard").status_code == 200


def test_a_link_that_is_old_opens_nothing(app: Flask, admin: Browser, session: Session, paul: User) -> None:
    act(admin, paul, "link")
    path = link_in(admin)
    assert Browser(app).get(path).status_code == 200
    session.execute(text("update password_link set expires_at = now()"))
    session.commit()
    assert Browser(app).get(path).status_code == 404


def test_what_cannot_be_an_account_is_asked_again(admin: Browser, session: Session, paul: User) -> None:
    good = {"email": "zoe@example.test", "name": "Zoé", "role": "CREATOR", "currency": "EUR"}
    wrong: list[tuple[dict[str, str], int, str]] = [
        ({"email": "zoe"}, 422, "Ce n’est pas une adresse e-mail."),
        ({"email": ""}, 422, "Ce n’est pas une adresse e-mail."),
        ({"email": "PAUL@example.test"}, 409, "paul@example.test a déjà un compte."),
        ({"name": " "}, 422, "Donnez un nom"),
        ({"handle": "Zoé !"}, 422, "Un identifiant a de 3 à 60"),
        ({"role": "OWNER"}, 422, "à corriger"),
        ({"currency": "XXX"}, 422, "à corriger"),
    ]
    for changed, status, words in wrong:
        admin.get(f"{LIST}/new")
        admin.submit("/users/new", **{**good, **changed})
        assert (admin.status, words in admin.words) == (status, True), changed
    assert len(session.scalars(select(User)).all()) == 2
    assert logged(session, "USER_CREATED") == []


def test_disabling_ends_everything_and_enabling_brings_none_of_it_back(
    app: Flask, admin: Browser, session: Session, alice: User, paul: User
) -> None:
    his = Browser(app).sign_in(paul.email)
    act(admin, paul, "link")
    path = link_in(admin)
    assert act(admin, paul, "disable", reason=f" {REASON} ") == 200
    assert "Le compte de Paul Petit est désactivé." in admin.words
    assert his.get("/dashboard/user", follow=False).status_code == 302
    assert Browser(app).sign_in(paul.email).status == 401
    [row] = logged(session, "USER_DISABLED")
    facts = {name: row.details[name] for name in ("userId", "adminId", "email", "reason")}
    assert facts == {"userId": str(paul.id), "adminId": str(alice.id), "email": paul.email, "reason": REASON}
    assert act(admin, paul, "enable", reason=REASON) == 200
    assert len(logged(session, "USER_ENABLED")) == 1
    assert his.get("/dashboard/user", follow=False).status_code == 302
    assert Browser(app).get(path).status_code == 404
    assert Browser(app).sign_in(paul.email).status == 302


def test_a_role_is_changed_and_sessions_end(app: Flask, admin: Browser, session: Session, paul: User) -> None:
    his = Browser(app).sign_in(paul.email)
    admin.get(f"{LIST}/{paul.id}/role")
    assert admin.form(f"/{paul.id}/role").fields["role"] == "USER"
    assert act(admin, paul, "role", role="CREATOR", handle="@PaulP", currency="GBP", reason=REASON) == 200
    [row] = logged(session, "USER_ROLE_CHANGED")
    assert (row.details["previousRole"], row.details["newRole"], row.details["handle"]) == (
        "USER",
        "CREATOR",
        "paulp",
    )
    assert his.get("/dashboard/user", follow=False).status_code == 302
    assert Browser(app).sign_in(paul.email).get("/dashboard/creator").status_code == 200
    admin.get(f"{LIST}/{paul.id}/role")
    assert "handle" not in admin.form(f"/{paul.id}/role").fields
    assert act(admin, paul, "role", role="USER", reason=REASON) == 200
    assert act(admin, paul, "role", role="USER", reason=REASON) == 409
    assert "Paul Petit a déjà ce rôle." in admin.words
    assert act(admin, paul, "role", role="OWNER", reason=REASON) == 422
    assert fresh(session, paul).role is Role.USER


def test_a_second_factor_is_reset_and_the_owner_gets_in(
    app: Flask, admin: Browser, session: Session, paul: User
) -> None:
    guard(session, paul)
    assert Browser(app).sign_in(paul.email).status == 401
    assert act(admin, paul, "second-factor", reason=REASON) == 200
    [row] = logged(session, "USER_SECOND_FACTOR_RESET")
    assert (row.details["userId"], row.details["reason"]) == (str(paul.id), REASON)
    assert Browser(app).sign_in(paul.email).status == 302
    assert act(admin, paul, "second-factor", reason=REASON) == 409


def test_sessions_are_ended(app: Flask, admin: Browser, session: Session, alice: User, paul: User) -> None:
    his = [Browser(app).sign_in(paul.email) for _ in range(2)]
    assert act(admin, paul, "sessions") == 200
    assert [one.get("/dashboard/user", follow=False).status_code for one in his] == [302, 302]
    [row] = logged(session, "USER_SESSIONS_ENDED")
    assert (row.actor_id, row.details["userId"], row.details["sessions"]) == (str(alice.id), str(paul.id), 2)
    assert act(admin, paul, "sessions") == 409
    open_ones = select(UserSession.user_id).where(UserSession.ended_at.is_(None))
    assert session.scalars(open_ones).all() == [alice.id]


@pytest.mark.parametrize("name", REASONED)
def test_a_reason_is_wanted_and_its_lack_told(admin: Browser, session: Session, paul: User, name: str) -> None:
    before = session.execute(select(User.role, User.disabled_at).where(User.id == paul.id)).one()
    for reason in ("", "court", "   ", "x" * 501):
        assert act(admin, paul, name, reason=reason, **({"role": "ADMIN"} if name == "role" else {})) == 422
        assert "Donnez une raison de 10 à 500 caractères." in admin.words
    session.rollback()
    assert session.execute(select(User.role, User.disabled_at).where(User.id == paul.id)).one() == before
    assert {row.details["reason"] for row in logged(session, "USER_CHANGE_REFUSED")} == {"reason_invalid"}


@pytest.mark.parametrize("name", ACTS)
def test_nobody_does_it_to_themself(
    admin: Browser, factory: Factory, session: Session, alice: User, name: str
) -> None:
    factory.admin()
    guard(session, alice)
    assert "C’est votre compte" in admin.get(f"{LIST}/{alice.id}").text
    assert f"/{alice.id}/{name}" not in admin.text
    token = admin.form("/logout").fields["csrf_token"]
    assert admin.get(f"{LIST}/{alice.id}/{name}").status_code == 403
    data = {"csrf_token": token, "reason": REASON, "role": "USER", "currency": "EUR"}
    assert admin.client.post(f"{LIST}/{alice.id}/{name}", data=data).status_code == 403
    rows = logged(session, "USER_ACCESS_DENIED")
    assert [row.details["userId"] for row in rows] == [str(alice.id)] * 2
    assert (fresh(session, alice).role, fresh(session, alice).disabled_at) == (Role.ADMIN, None)
    assert admin.get(LIST).status_code == 200


@pytest.mark.parametrize("name", ACTS)
def test_each_act_repeats_the_person_and_changes_nothing_by_being_opened(
    admin: Browser, session: Session, paul: User, name: str
) -> None:
    admin.get(f"{LIST}/{paul.id}/{name}")
    for shown in ("Paul Petit", "paul@example.test", "Ce qui va se passer", "Annuler"):
        assert shown in admin.words, shown
    told = session.scalars(select(Log.type).where(Log.type != "USER_LOGIN")).all()
    assert told == []


@pytest.mark.parametrize("name", ACTS)
def test_each_act_wants_a_recent_sign_in_and_a_token(
    admin: Browser, session: Session, paul: User, name: str
) -> None:
    answer = admin.client.post(f"{LIST}/{paul.id}/{name}", data={"reason": REASON})
    assert answer.status_code == 400
    session.execute(text("update user_session set confirmed_at = confirmed_at - interval '11 minutes'"))
    session.commit()
    assert "/login/confirm" in admin.get(f"{LIST}/{paul.id}/{name}", follow=False).headers["Location"]
    admin.get(LIST)
    token = admin.form("/logout").fields["csrf_token"]
    data = {"csrf_token": token, "reason": REASON, "role": "ADMIN", "currency": "EUR"}
    assert admin.client.post(f"{LIST}/{paul.id}/{name}", data=data).status_code == 403
    assert session.scalars(select(Log.type).where(Log.type.not_in(["USER_LOGIN"]))).all() == []


def test_what_was_typed_is_there_again_after_the_confirmation(
    admin: Browser, session: Session, paul: User
) -> None:
    admin.get(f"{LIST}/{paul.id}/role")
    session.execute(text("update user_session set confirmed_at = confirmed_at - interval '11 minutes'"))
    session.commit()
    admin.submit(f"/{paul.id}/role", role="AUDITOR", reason=REASON)
    admin.submit(f"/{paul.id}/role", confirm_password=PASSWORD)
    assert admin.status == 200
    assert (REASON in admin.text, admin.form(f"/{paul.id}/role").fields["role"]) == (True, "AUDITOR")
    assert fresh(session, paul).role is Role.USER


@pytest.mark.parametrize("name", ["", *(f"/{name}" for name in ACTS)])
@pytest.mark.parametrize("unknown", [UNKNOWN_ID, "abc"])
def test_an_unknown_account_is_not_found(admin: Browser, name: str, unknown: str) -> None:
    assert admin.get(f"{LIST}/{unknown}{name}").status_code == 404


def test_an_admin_who_is_one_no_more_changes_nothing(
    app: Flask, admin: Browser, factory: Factory, session: Session, alice: User
) -> None:
    """Two admins disable each other: of the forms that were both open, the second one is too late."""
    bob = factory.admin()
    other = Browser(app).sign_in(bob.email)
    admin.get(f"{LIST}/{bob.id}/disable")
    other.get(f"{LIST}/{alice.id}/disable")
    barrier = Barrier(2)

    def disable(browser: Browser, victim: User) -> int:
        barrier.wait()
        return browser.submit(f"/{victim.id}/disable", follow=False, reason=REASON).status_code

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(disable, (admin, other), (bob, alice)))
    enabled = [one for one in (alice, bob) if fresh(session, one).disabled_at is None]
    assert len(enabled) == 1
    assert len(logged(session, "USER_DISABLED")) == 1
    assert sorted(answers)[0] == 302


def test_an_auditor_reads_and_finds_no_way_to_act(app: Flask, factory: Factory, paul: User) -> None:
    auditor = Browser(app).sign_in(factory.user(Role.AUDITOR).email)
    assert f"{LIST}/new" not in auditor.get(LIST).text
    page: Any = auditor.get(f"{LIST}/{paul.id}").text
    assert not any(f"/{paul.id}/{name}" in page for name in ACTS)
    assert auditor.get(f"{LIST}/{uuid7()}").status_code == 404
