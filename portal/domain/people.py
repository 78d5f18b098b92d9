"""Signing in and out: argon2 passwords, sessions kept in the database."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.system_log import log_auth
from portal.domain.errors import SignInRefused
from portal.models import Creator, User, UserSession, uuid7
from portal.models import LogActor as LogActor
from portal.models import Role as Role

HASHER = PasswordHasher()
_NOBODY = HASHER.hash(secrets.token_urlsafe(16))
SEEN_EVERY = timedelta(minutes=1)
LONGEST_PASSWORD = 1024


@dataclass(frozen=True, slots=True)
class Browser:
    """Where a request comes from."""

    ip_address: str | None
    user_agent: str | None

    def facts(self) -> dict[str, str | None]:
        """ipAddress and userAgent for an audit row."""
        return {"ipAddress": self.ip_address, "userAgent": self.user_agent}


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a session lives: unused, and at all."""

    idle: timedelta
    absolute: timedelta


def create_user(session: Session, *, email: str, name: str, password: str, role: Role) -> User:
    """Add somebody who can sign in with `password`."""
    user = User(id=uuid7(), email=email.strip().lower(), name=name, role=role, password_hash=HASHER.hash(password))
    session.add(user)
    return user


def sign_in(
    session: Session, *, email: str, password: str, browser: Browser, limits: Limits, now: datetime
) -> str:
    """Open a session and return its token, which only the cookie holds. Raises SignInRefused.

    Unknown addresses cost as much time as wrong passwords and get the same answer.
    """
    user = session.scalar(select(User).where(User.email == email.strip().lower()[:254]))
    reason = _refusal(user, password)
    if user is None or reason is not None:
        facts = {"email": email[:254], "reason": reason, **browser.facts()}
        log_auth("LOGIN", user.id if user else None, False, facts)
        raise SignInRefused("Adresse e-mail ou mot de passe incorrect.", event="USER_LOGIN_FAILED")
    token = secrets.token_urlsafe(32)
    session.add(
        UserSession(
            token_hash=_digest(token),
            user_id=user.id,
            ip_address=browser.ip_address,
            user_agent=browser.user_agent,
            seen_at=now,
            rotated_at=now,
            confirmed_at=now,
            expires_at=now + limits.absolute,
        )
    )
    log_auth("LOGIN", user.id, True, browser.facts(), actor=user.role.actor, session=session)
    return token


def _refusal(user: User | None, password: str) -> str | None:
    if not _matches(_NOBODY if user is None else user.password_hash, password) or user is None:
        return "unknown_email" if user is None else "wrong_password"
    return None if user.disabled_at is None else "disabled"


def _matches(password_hash: str, password: str) -> bool:
    try:
        return HASHER.verify(password_hash, password[:LONGEST_PASSWORD])
    except (VerificationError, InvalidHashError):
        return False


def sign_out(session: Session, *, token: str, browser: Browser, now: datetime) -> None:
    """End the session of `token`; a copied cookie is worth nothing from here on."""
    row = session.get(UserSession, _digest(token), with_for_update={"of": UserSession})
    if row is not None and row.ended_at is None:
        row.ended_at = now
        actor = row.user.role.actor
        log_auth("LOGOUT", row.user_id, True, browser.facts(), actor=actor, session=session)


def find_session(session: Session, token: str, *, limits: Limits, now: datetime) -> UserSession | None:
    """The live session of `token`."""
    row = session.get(UserSession, _digest(token))
    if row is None or row.ended_at is not None or row.user.disabled_at is not None:
        return None
    return row if now < row.expires_at and now - row.seen_at < limits.idle else None


def touch_session(session: Session, token_hash: str, *, now: datetime) -> None:
    """Remember that the session was used."""
    row = session.get(UserSession, token_hash)
    if row is not None:
        row.seen_at = now


def creator_of(session: Session, user_id: UUID) -> Creator | None:
    """The creator that the user is."""
    return session.scalar(select(Creator).where(Creator.user_id == user_id))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
