"""What admins do to other people's accounts: never their own, never the last admin's."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from portal.audit.actor import Actor
from portal.audit.system_log import log_info, log_warning
from portal.domain.doors import passwords, sessions
from portal.domain.doors.accounts import become_creator
from portal.domain.doors.refusals import EVENT, by, refuse_oneself, refused
from portal.domain.doors.second_factor import remove_second_factor
from portal.domain.errors import NotFound, Refusal
from portal.domain.reason import REASON_LENGTHS, REASON_WANTED, clean_reason, is_reason
from portal.models import Role, User


def disable_user(session: Session, *, user_id: UUID, reason: str, actor: Actor, now: datetime) -> User:
    """Let somebody in no more; sessions and links end. Raises NotFound or UserRefused."""
    reason = _valid(reason, user_id, actor, "DISABLE")
    user, admins = _locked(session, user_id, actor, "DISABLE")
    if user.disabled_at is not None:
        raise _already(user, actor, "DISABLE", "Le compte de %(name)s est déjà désactivé.")
    _refuse_last_admin(user, admins, actor, "DISABLE")
    user.disabled_at = now
    passwords.end_links(session, user.id, now)
    sessions.end_sessions(session, user_id=user.id, actor=actor, now=now)
    facts = _about(user, actor) | {"reason": reason}
    log_warning("USER_DISABLED", actor.kind, None, actor.id, facts, session=session)
    return user


def enable_user(session: Session, *, user_id: UUID, reason: str, actor: Actor, now: datetime) -> User:
    """Let somebody in again; what ended with the disabling stays ended. Raises NotFound or UserRefused."""
    reason = _valid(reason, user_id, actor, "ENABLE")
    user, _ = _locked(session, user_id, actor, "ENABLE")
    if user.disabled_at is None:
        raise _already(user, actor, "ENABLE", "Le compte de %(name)s n’est pas désactivé.")
    facts = _about(user, actor) | {"reason": reason, "disabledAt": user.disabled_at, "enabledAt": now}
    user.disabled_at = None
    log_info("USER_ENABLED", actor.kind, None, actor.id, facts, session=session)
    return user


def change_role(
    session: Session,
    *,
    user_id: UUID,
    role: Role,
    reason: str,
    actor: Actor,
    now: datetime,
    handle: str = "",
    currency: str = "EUR",
) -> User:
    """Give somebody another role; their sessions end. Raises NotFound or UserRefused."""
    reason = _valid(reason, user_id, actor, "ROLE")
    user, admins = _locked(session, user_id, actor, "ROLE")
    if user.role is role:
        raise _already(user, actor, "ROLE", "%(name)s a déjà ce rôle.")
    _refuse_last_admin(user, admins, actor, "ROLE")
    previous, user.role = user.role, role
    facts = _about(user, actor) | {"previousRole": previous, "newRole": role, "reason": reason}
    if role is Role.CREATOR:
        creator = become_creator(session, user, handle=handle, currency=currency, actor=actor)
        facts |= {"creatorId": creator.id, "handle": creator.handle}
    sessions.end_sessions(session, user_id=user.id, actor=actor, now=now)
    log_warning("USER_ROLE_CHANGED", actor.kind, None, actor.id, facts, session=session)
    return user


def reset_second_factor(session: Session, *, user_id: UUID, reason: str, actor: Actor, now: datetime) -> User:
    """Take away a second factor that its owner has lost; sessions end. Raises NotFound or UserRefused."""
    reason = _valid(reason, user_id, actor, "SECOND_FACTOR")
    user, _ = _locked(session, user_id, actor, "SECOND_FACTOR")
    if not remove_second_factor(session, user_id=user.id):
        raise _already(user, actor, "SECOND_FACTOR", "%(name)s n’a pas de second facteur.")
    sessions.end_sessions(session, user_id=user.id, actor=actor, now=now)
    facts = _about(user, actor) | {"reason": reason}
    log_warning("USER_SECOND_FACTOR_RESET", actor.kind, None, actor.id, facts, session=session)
    return user


def end_every_session(session: Session, *, user_id: UUID, actor: Actor, now: datetime) -> int:
    """Sign somebody out everywhere; how many sessions there were. Raises NotFound or UserRefused."""
    user, _ = _locked(session, user_id, actor, "SESSIONS")
    ended = sessions.end_sessions(session, user_id=user.id, actor=actor, now=now)
    if not ended:
        raise _already(user, actor, "SESSIONS", "%(name)s n’a pas de session ouverte.")
    return ended


def make_password_link(session: Session, *, user_id: UUID, actor: Actor, now: datetime) -> str:
    """The token of a link by which somebody chooses a password, once. Raises NotFound or UserRefused."""
    user, _ = _locked(session, user_id, actor, "LINK")
    if user.disabled_at is not None:
        raise _already(user, actor, "LINK", "Le compte de %(name)s est désactivé : réactivez-le d’abord.")
    return passwords.make_link(session, user_id=user.id, actor=actor, now=now)


def choose_password_for(session: Session, *, user_id: UUID, password: str, actor: Actor, now: datetime) -> None:
    """An operator sets a password at the terminal; sessions end. Raises NotFound or PasswordRefused."""
    user, _ = _locked(session, user_id, actor, "PASSWORD")
    passwords.refuse_password(password, about=(user.email, user.name))
    passwords.set_password(session, user, password, actor=actor, now=now)


def _locked(session: Session, user_id: UUID, actor: Actor, action: str) -> tuple[User, Sequence[User]]:
    """The account and the enabled admins, locked in one order: of two who disable each other one is first.

    Whoever is an admin no more by then is refused.
    """
    refuse_oneself(user_id, actor, action)
    admin = (User.role == Role.ADMIN) & User.disabled_at.is_(None)
    query = select(User).where(or_(User.id == user_id, admin)).order_by(User.id)
    found = session.scalars(query.with_for_update().execution_options(populate_existing=True)).all()
    user = next((one for one in found if one.id == user_id), None)
    if user is None:
        raise NotFound("Ce compte n’existe pas.", event=EVENT)
    admins = [one for one in found if one.role is Role.ADMIN and one.disabled_at is None]
    if actor.user_id is not None and actor.user_id not in {one.id for one in admins}:
        message = "Vous n’êtes plus administrateur."
        raise refused(user_id, actor, action, "actor_no_admin", message, status=403)
    return user, admins


def _refuse_last_admin(user: User, admins: Sequence[User], actor: Actor, action: str) -> None:
    if [one.id for one in admins] == [user.id]:
        message = "%(name)s est le dernier administrateur : nommez-en d’abord un autre."
        raise refused(user.id, actor, action, "last_admin", message, {"name": user.name}, status=409)


def _valid(reason: str, user_id: UUID, actor: Actor, action: str) -> str:
    reason = clean_reason(reason)
    if not is_reason(reason):
        errors = {"reason": Refusal(REASON_WANTED, REASON_LENGTHS)}
        raise refused(user_id, actor, action, "reason_invalid", errors=errors)
    return reason


def _already(user: User, actor: Actor, action: str, message: str) -> Exception:
    return refused(user.id, actor, action, "nothing_to_do", message, {"name": user.name}, status=409)


def _about(user: User, actor: Actor) -> dict[str, Any]:
    return by(actor) | {"userId": user.id, "email": user.email}
