"""`flask users …`: every change with its row in the log; passwords typed, read or chosen by a link."""

from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.domain.doors.sessions import digest
from portal.domain.people import matches
from portal.models import Creator, Log, LogActor, PasswordLink, Role, User, UserSession
from tests.browser import PASSWORD, Browser
from tests.factories import Factory
from tests.market import logged

Run = Callable[..., Result]
NEW = "velours tambour girafe"
EMAIL = "zoe@example.test"


@pytest.fixture
def run(app: Flask) -> Run:
    """Run a `flask users …` command."""
    runner = app.test_cli_runner()
    return lambda *args, **options: runner.invoke(args=["users", *args], **options)


def user(session: Session, email: str = EMAIL) -> User:
    session.rollback()
    return session.scalars(select(User).where(User.email == email).execution_options(populate_existing=True)).one()


def last(session: Session) -> Log:
    """The newest row, which somebody at the terminal wrote."""
    session.rollback()
    row = session.scalars(select(Log).order_by(Log.id.desc()).limit(1)).one()
    assert (row.actor, row.actor_id, row.details["adminId"]) == (LogActor.SYSTEM, None, None)
    assert "@" in row.details["operator"]
    return row


def guard(session: Session, somebody: User) -> None:
    """Give somebody a second factor."""
    columns = "(user_id, secret, confirmed_at) values (:id, 'JBSWY3DPEHPK3PXP', now())"
    session.execute(text(f"insert into second_factor {columns}"), {"id": somebody.id})
    session.commit()


def test_an_account_is_made_with_a_password_typed_twice(run: Run, session: Session) -> None:
    asked = run(
        "create", "--role", "ADMIN", "--email", " Zoe@Example.test ", "--name", "Zoé", input=f"{NEW}\n{NEW}\n"
    )
    assert (asked.exit_code, NEW in asked.output) == (0, False)
    assert "ADMIN zoe@example.test created" in asked.output
    assert matches(user(session).password_hash, NEW)
    row = last(session)
    assert row.type == "USER_CREATED"
    facts = {name: row.details[name] for name in ("userId", "email", "userRole")}
    assert facts == {"userId": str(user(session).id), "email": EMAIL, "userRole": "ADMIN"}


def test_a_password_comes_by_standard_input_and_never_as_an_argument(run: Run, session: Session) -> None:
    made = run("create", "--role=user", f"--email={EMAIL}", "--password-stdin", input=f"{NEW}\n")
    assert (made.exit_code, NEW in made.output) == (0, False)
    assert matches(user(session).password_hash, NEW)
    assert run("create", "--role=USER", "--email=b@example.test", f"--password={NEW}").exit_code == 2
    both = run("password", EMAIL, "--link", "--password-stdin", input=f"{NEW}\n")
    assert (both.exit_code, "exclude each other" in both.output) == (2, True)


def test_a_link_opens_the_account_once_and_is_kept_as_a_hash(app: Flask, run: Run, session: Session) -> None:
    made = run("create", "--role=AUDITOR", f"--email={EMAIL}", "--link")
    address = made.stdout.splitlines()[-1]
    path = "/login/password/" + address.partition("/login/password/")[2]
    assert address.startswith(app.extensions["settings"].public_url)
    assert [row.type for row in logged(session, "USER_CREATED", "USER_PASSWORD_LINK_MADE")] == [
        "USER_CREATED", "USER_PASSWORD_LINK_MADE"
    ]  # fmt: skip
    token = path.rpartition("/")[2]
    stored = session.scalars(select(PasswordLink.token_hash)).all()
    told = " ".join(str(row.details) + row.message for row in session.scalars(select(Log)))
    assert (len(token) > 40, stored, token in told) == (True, [digest(token)], False)
    browser = Browser(app)
    browser.get(path)
    browser.submit(path, new=NEW, again=NEW)
    assert Browser(app).sign_in(EMAIL, NEW).status == 302
    assert browser.get(path).status_code == 404


def test_a_creator_gets_what_selling_needs(run: Run, session: Session) -> None:
    run("create", "--role=CREATOR", f"--email={EMAIL}", "--name=Zoé Lambert", "--link")
    creator = session.scalars(select(Creator)).one()
    assert (creator.handle, creator.currency, creator.user_id) == ("zoe-lambert", "EUR", user(session).id)
    taken = run("create", "--role=CREATOR", "--email=b@example.test", "--name=Zoé Lambert", "--link")
    assert (taken.exit_code, "@zoe-lambert est déjà pris." in taken.output) == (1, True)
    assert len(logged(session, "USER_CREATED")) == 1
    other = run("create", "--role=CREATOR", "--email=b@example.test", "--handle=@ZoeB", "--currency=JPY", "--link")
    assert other.exit_code == 0
    assert {c.handle: c.currency for c in session.scalars(select(Creator))} == {
        "zoe-lambert": "EUR",
        "zoeb": "JPY",
    }


@pytest.mark.parametrize(
    ("options", "reason", "words"),
    [
        (["--email=nobody"], "email_invalid", "Ce n’est pas une adresse e-mail."),
        (["--email=a b@example.test"], "email_invalid", "Ce n’est pas une adresse e-mail."),
        (["--email=" + "x" * 250 + "@b.test", "--name=x"], "email_invalid", "Ce n’est pas une adresse e-mail."),
        ([f"--email={EMAIL}", "--name=" + "x" * 121], "name_invalid", "Donnez un nom de 1 à 120 caractères."),
        ([f"--email={EMAIL}", "--role=CREATOR", "--handle=é"], "handle_invalid", "Un identifiant a de 3 à 60"),
        (["--email=taken@example.test"], "email_taken", "taken@example.test a déjà un compte."),
    ],
)  # fmt: skip
def test_what_cannot_be_an_account_is_refused_and_told(
    run: Run, factory: Factory, session: Session, options: list[str], reason: str, words: str
) -> None:
    factory.user(email="taken@example.test")
    asked = run("create", "--role=USER", "--link", *options)
    assert (asked.exit_code, words in asked.output) == (1, True)
    row = last(session)
    assert (row.type, row.details["action"], row.details["reason"]) == ("USER_CHANGE_REFUSED", "CREATE", reason)
    assert words in row.message
    assert len(session.scalars(select(User)).all()) == 1


def test_a_weak_password_is_refused(run: Run, session: Session) -> None:
    asked = run("create", "--role=ADMIN", f"--email={EMAIL}", "--password-stdin", input="court\n")
    assert (asked.exit_code, "au moins 12 caractères" in asked.output) == (1, True)
    assert last(session).details["reason"] == "password_invalid"


def test_disabling_and_enabling_are_told_with_their_reasons(
    app: Flask, run: Run, factory: Factory, session: Session
) -> None:
    somebody = factory.user(email=EMAIL)
    browser = Browser(app).sign_in(EMAIL)
    assert run("disable", "ZOE@example.test", "--reason", "A quitté la maison").exit_code == 0
    assert browser.get("/account/security", follow=False).status_code == 302
    row = last(session)
    assert (row.type, row.details["reason"]) == ("USER_DISABLED", "A quitté la maison")
    assert row.details["userId"] == str(somebody.id)
    again = run("disable", EMAIL)
    assert (again.exit_code, "déjà désactivé" in again.output) == (1, True)
    assert run("enable", EMAIL).exit_code == 0
    assert (last(session).type, last(session).details["reason"]) == ("USER_ENABLED", "flask users enable")
    assert browser.get("/account/security", follow=False).status_code == 302
    assert Browser(app).sign_in(EMAIL).status == 302
    assert "n’est pas désactivé" in run("enable", EMAIL).output
    assert run("disable", EMAIL, "--reason", "court").exit_code == 1
    assert user(session).disabled_at is None


def test_the_last_admin_stays_one(run: Run, factory: Factory, session: Session) -> None:
    factory.admin(email=EMAIL)
    for command in (["disable", EMAIL], ["set-role", EMAIL, "USER"]):
        asked = run(*command)
        assert (asked.exit_code, "est le dernier administrateur" in asked.output) == (1, True)
        assert last(session).details["reason"] == "last_admin"
    other = factory.admin()
    assert run("disable", other.email).exit_code == 0
    assert run("set-role", EMAIL, "USER").exit_code == 1
    assert run("enable", other.email).exit_code == 0
    assert run("set-role", EMAIL, "user").exit_code == 0
    assert user(session).role is Role.USER
    row = last(session)
    assert (row.type, row.details["previousRole"], row.details["newRole"]) == (
        "USER_ROLE_CHANGED",
        "ADMIN",
        "USER",
    )


def test_a_new_creator_gets_a_handle_and_an_old_one_keeps_it(run: Run, factory: Factory, session: Session) -> None:
    factory.user(email=EMAIL, name="Zoé Lambert")
    assert run("set-role", EMAIL, "CREATOR", "--currency=CHF").exit_code == 0
    assert run("set-role", EMAIL, "USER").exit_code == 0
    assert run("set-role", EMAIL, "CREATOR", "--handle=other").exit_code == 0
    [creator] = session.scalars(select(Creator))
    assert (creator.handle, creator.currency) == ("zoe-lambert", "CHF")
    assert "a déjà ce rôle" in run("set-role", EMAIL, "CREATOR").output


def test_a_password_is_chosen_and_sessions_end(app: Flask, run: Run, factory: Factory, session: Session) -> None:
    factory.user(email=EMAIL)
    browser = Browser(app).sign_in(EMAIL)
    weak = run("password", EMAIL, "--password-stdin", input="motdepasse123\n")
    assert (weak.exit_code, matches(user(session).password_hash, PASSWORD)) == (1, True)
    chosen = run("password", EMAIL, input=f"{NEW}\n{NEW}\n")
    assert (chosen.exit_code, NEW in chosen.output) == (0, False)
    assert browser.get("/account/security", follow=False).status_code == 302
    assert [row.actor for row in logged(session, "USER_PASSWORD_CHANGED", "USER_SESSIONS_ENDED")] == ["SYSTEM"] * 2
    assert "/login/password/" in run("password", EMAIL, "--link").output
    run("disable", EMAIL)
    assert "réactivez-le d’abord" in run("password", EMAIL, "--link").output


def test_a_second_factor_is_taken_away_and_sessions_end(
    app: Flask, run: Run, factory: Factory, session: Session
) -> None:
    somebody = factory.user(email=EMAIL)
    browser = Browser(app).sign_in(EMAIL)
    assert "n’a pas de second facteur" in run("reset-second-factor", EMAIL).output
    guard(session, somebody)
    assert Browser(app).sign_in(EMAIL).status == 401
    assert run("reset-second-factor", EMAIL, "--reason", "Téléphone perdu hier").exit_code == 0
    row = last(session)
    assert (row.type, row.details["reason"]) == ("USER_SECOND_FACTOR_RESET", "Téléphone perdu hier")
    assert browser.get("/account/security", follow=False).status_code == 302
    assert Browser(app).sign_in(EMAIL).status == 302


def test_sessions_are_ended_from_the_terminal(app: Flask, run: Run, factory: Factory, session: Session) -> None:
    factory.user(email=EMAIL)
    browser = Browser(app).sign_in(EMAIL)
    assert run("sessions", "end", EMAIL).stdout == f"1 sessions of {EMAIL} ended\n"
    assert browser.get("/account/security", follow=False).status_code == 302
    [row] = logged(session, "USER_SESSIONS_ENDED")
    assert (row.actor, row.details["sessions"]) == (LogActor.SYSTEM, 1)
    asked = run("sessions", "end", EMAIL)
    assert (asked.exit_code, "n’a pas de session ouverte" in asked.output) == (1, True)


@pytest.mark.parametrize(
    "command",
    [["disable"], ["enable"], ["reset-second-factor"], ["password", "--link"], ["sessions", "end"],
     ["set-role", "nobody@example.test", "USER"]],
)  # fmt: skip
def test_an_unknown_address_is_an_error(run: Run, session: Session, command: list[str]) -> None:
    whom = [] if "set-role" in command else ["nobody@example.test"]
    asked = run(*command, *whom)
    assert (asked.exit_code, "nobody has the address nobody@example.test" in asked.output) == (1, True)
    assert session.scalars(select(Log)).all() == []


def test_the_list_is_narrowed(app: Flask, run: Run, factory: Factory, session: Session) -> None:
    admin, zoe = factory.admin(name="Alice"), factory.user(email=EMAIL, name="Zoé")
    guard(session, admin)
    Browser(app).sign_in(EMAIL)
    run("disable", EMAIL)
    found: dict[tuple[str, ...], set[Any]] = {
        (): {admin.email, EMAIL},
        ("--role=admin",): {admin.email},
        ("--state=disabled",): {EMAIL},
        ("--state=enabled",): {admin.email},
        ("--state=unguarded",): set(),
        ("--state=never",): {admin.email},
        ("--q=zo",): {EMAIL},
    }
    for options, wanted in found.items():
        shown = run("list", *options)
        assert shown.exit_code == 0, shown.exception
        assert {line.split()[0] for line in shown.stdout.splitlines()[1:]} == wanted, options
    last_seen = session.scalars(select(UserSession.created_at).where(UserSession.user_id == zoe.id)).one()
    line = run("list", "--q=zo").stdout.splitlines()[1]
    assert line.split(maxsplit=4) == [
        EMAIL,
        "Zoé",
        "USER",
        "disabled",
        f"off            {last_seen:%Y-%m-%d %H:%M}",
    ]
