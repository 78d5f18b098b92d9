"""`flask users …`: accounts from a terminal, for the first admin and for when nobody can sign in."""

import getpass
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import click
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from portal.audit.actor import Actor, operation
from portal.domain.doors import administering
from portal.domain.doors.accounts import CURRENCIES, AccountDraft, create_account
from portal.domain.doors.passwords import address_of_link
from portal.domain.doors.second_factor import reseal
from portal.domain.errors import DomainError
from portal.domain.work import utc_now
from portal.models import LogActor, Role
from portal.queries.user_search import Account, UserSearch, UserState, find_by_email
from portal.unit_of_work import reading, unit_of_work

users = AppGroup("users", help="People who sign in. Every change is written to the log, with who typed it.")
ROLES = click.Choice([role.value for role in Role], case_sensitive=False)
HEADS = ("email", "name", "role", "state", "second factor", "last sign-in")
Command = Callable[..., None]


@contextmanager
def _work() -> Iterator[tuple[Session, Actor]]:
    """One change by whoever types; a refusal is an error of the command."""
    typed_by = Actor(LogActor.SYSTEM, name=f"{getpass.getuser()}@{socket.gethostname()}")
    try:
        with operation(), unit_of_work() as session:
            yield session, typed_by
    except DomainError as refusal:
        raise click.ClickException(str(refusal)) from refusal


def _id_of(email: str) -> UUID:
    user = find_by_email(reading(), email)
    if user is None:
        raise click.ClickException(f"nobody has the address {email}")
    return user.id


def _reasoned(command: Command) -> Command:
    """An address, and a reason for the log."""
    default = f"flask users {command.__name__.replace('_', '-')}"
    command = click.option("--reason", default=default, help="For the log; 10 to 500 characters.")(command)
    return click.argument("email")(command)


def _secret(command: Command) -> Command:
    """How a password comes: typed twice, read from standard input, or chosen by a link. Never an argument."""
    command = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")(
        command
    )
    return click.option("--link", is_flag=True, help="Print a link that chooses the password, once.")(command)


def _selling(command: Command) -> Command:
    """What a creator has besides."""
    currency = click.option(
        "--currency", type=click.Choice(CURRENCIES), default="EUR", show_default=True, help="Of a creator."
    )
    handle = click.option("--handle", default="", help="Of a creator; made from the name when left out.")
    return handle(currency(command))


def _password(link: bool, password_stdin: bool) -> str | None:
    if link and password_stdin:
        raise click.UsageError("--link and --password-stdin exclude each other")
    if link:
        return None
    if password_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


def _say_link(token: str) -> None:
    click.echo(address_of_link(current_app.extensions["settings"].public_url, token))


@users.command("create")
@click.option("--role", type=ROLES, required=True)
@click.option("--email", required=True)
@click.option("--name", default="", help="The address when left out.")
@_selling
@_secret
def create(role: str, email: str, name: str, handle: str, currency: str, link: bool, password_stdin: bool) -> None:
    """Add somebody who can sign in."""
    password = _password(link, password_stdin)
    draft = AccountDraft(email, name or email[:120], Role(role.upper()), handle, currency)
    with _work() as (session, actor):
        user = create_account(session, draft=draft, actor=actor, password=password)
        token = (
            administering.make_password_link(session, user_id=user.id, actor=actor, now=utc_now()) if link else ""
        )
        made = user.email
    click.echo(f"{draft.role} {made} created")
    if token:
        _say_link(token)


@users.command("list")
@click.option("--role", type=ROLES)
@click.option("--state", type=click.Choice([state.value for state in UserState]))
@click.option("--q", "text", default="", help="Part of a name or an address.")
def list_users(role: str | None, state: str | None, text: str) -> None:
    """Accounts, newest first."""
    search = UserSearch(Role(role.upper()) if role else None, UserState(state) if state else None, text)
    lines = [HEADS, *(_line(account) for account in search.everybody(reading()))]
    widths = [max(len(line[n]) for line in lines) for n in range(len(HEADS))]
    for line in lines:
        click.echo("  ".join(value.ljust(width) for value, width in zip(line, widths, strict=True)).rstrip())


def _line(account: Account) -> tuple[str, ...]:
    user = account.user
    last = f"{account.last_sign_in:%Y-%m-%d %H:%M}" if account.last_sign_in else "never"
    state = "disabled" if user.disabled_at else "enabled"
    return user.email, user.name, user.role, state, "on" if account.is_guarded else "off", last


@users.command("disable")
@_reasoned
def disable(email: str, reason: str) -> None:
    """Let somebody in no more, at once."""
    _change(administering.disable_user, email, reason=reason)
    click.echo(f"{email} disabled")


@users.command("enable")
@_reasoned
def enable(email: str, reason: str) -> None:
    """Let somebody in again."""
    _change(administering.enable_user, email, reason=reason)
    click.echo(f"{email} enabled")


@users.command("set-role")
@_reasoned
@click.argument("role", type=ROLES)
@_selling
def set_role(email: str, role: str, handle: str, currency: str, reason: str) -> None:
    """Give somebody another role; their sessions end."""
    given = {"role": Role(role.upper()), "handle": handle, "currency": currency, "reason": reason}
    _change(administering.change_role, email, **given)
    click.echo(f"{email} is {role.upper()}")


@users.command("reset-second-factor")
@_reasoned
def reset_second_factor(email: str, reason: str) -> None:
    """Take away a second factor that its owner has lost; their sessions end."""
    _change(administering.reset_second_factor, email, reason=reason)
    click.echo(f"{email} has no second factor any more")


@users.command("password")
@click.argument("email")
@_secret
def password(email: str, link: bool, password_stdin: bool) -> None:
    """Choose somebody's password, or print a link that lets them; their sessions end with a new password."""
    chosen = _password(link, password_stdin)
    if chosen is None:
        _say_link(_change(administering.make_password_link, email))
    else:
        _change(administering.choose_password_for, email, password=chosen)
        click.echo(f"{email} has a new password")


@users.command("seal-second-factors")
def seal_second_factors() -> None:
    """Encrypt every authenticator's secret under today's SECRET_KEY, before its fallbacks go."""
    with _work() as (session, _):
        sealed, unreadable = reseal(session)
    click.echo(f"{sealed} sealed, {unreadable} that no key opens")


sessions = AppGroup("sessions", help="Signed-in browsers.")
users.add_command(sessions)


@sessions.command("end")
@click.argument("email")
def end(email: str) -> None:
    """Sign somebody out everywhere."""
    click.echo(f"{_change(administering.end_every_session, email)} sessions of {email} ended")


def _change(verb: Callable[..., Any], email: str, **given: Any) -> Any:
    user_id = _id_of(email)
    with _work() as (session, actor):
        return verb(session, user_id=user_id, actor=actor, now=utc_now(), **given)
