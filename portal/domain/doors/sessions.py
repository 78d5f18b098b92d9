"""Signed-in browsers: opened, rotated, listed by their owner, ended."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from portal.audit.actor import Actor
from portal.audit.system_log import log_auth, log_info, log_warning
from portal.domain.errors import NotFound
from portal.domain.people import Browser, Limits, Role
from portal.domain.preferences import PREFERENCES, Density, Preferences, Theme
from portal.models import Creator, User, UserSession

SEEN_EVERY = timedelta(minutes=1)
ROTATED_EVERY = timedelta(hours=1)
GRACE = timedelta(minutes=1)
"""How long the token before a rotation still serves the requests that were on their way."""
RECENT = timedelta(minutes=10)
"""How long a sign-in counts as recent where money is decided on."""


OPENED = (
    select(
        UserSession.token_hash,
        UserSession.id,
        UserSession.salt,
        UserSession.ended_at,
        UserSession.expires_at,
        UserSession.seen_at,
        UserSession.rotated_at,
        UserSession.confirmed_at,
        User.id,
        User.disabled_at,
        User.name,
        User.email,
        User.role,
        Creator.id,
        *PREFERENCES,
    )
    .join(User, User.id == UserSession.user_id)
    .outerjoin(Creator, Creator.user_id == User.id)
    .execution_options(kept_plan=True)
)
NOW_UNDER = OPENED.where(UserSession.token_hash == bindparam("digest"))
ONCE_UNDER = OPENED.where(UserSession.former_hash == bindparam("digest"))
"""The session of a token, and of the token it had before: asked by every request, and so built once."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A session as every request reads it, with its person."""

    token_hash: str
    id: UUID
    salt: str | None
    ended_at: datetime | None
    expires_at: datetime
    seen_at: datetime
    rotated_at: datetime
    confirmed_at: datetime
    user_id: UUID
    disabled_at: datetime | None
    name: str
    email: str
    role: Role
    creator_id: UUID | None
    timezone: str
    locale: str | None
    theme: Theme
    density: Density
    page_size: int
    shortcuts: bool

    @property
    def preferences(self) -> Preferences:
        """How the person likes the portal."""
        return Preferences(self.timezone, self.locale, self.theme, self.density, self.page_size, self.shortcuts)


@dataclass(frozen=True, slots=True)
class Found:
    """A live session, and the token its cookie should hold; `replayed`: an old token came back, too late."""

    row: Opened
    token: str
    replayed: bool = False


def open_session(session: Session, *, user: User, browser: Browser, limits: Limits, now: datetime) -> str:
    """A new session, and its token, which only the cookie holds."""
    token = secrets.token_urlsafe(32)
    session.add(
        UserSession(
            token_hash=digest(token),
            user_id=user.id,
            ip_address=browser.ip_address,
            user_agent=browser.user_agent,
            seen_at=now,
            rotated_at=now,
            confirmed_at=now,
            expires_at=now + limits.absolute,
        )
    )
    return token


def find_session(session: Session, token: str, *, limits: Limits, now: datetime) -> Found | None:
    """The live session of `token`, or of the token it had a moment ago."""
    row = _opened(session, NOW_UNDER, token)
    current = token
    if row is None:
        row = _opened(session, ONCE_UNDER, token)
        current = _successor(token, row.salt or "") if row else token
    if row is None or row.ended_at is not None or row.disabled_at is not None:
        return None
    if not (now < row.expires_at and now - row.seen_at < limits.idle):
        return None
    return Found(row, current, replayed=current != token and now - row.rotated_at > GRACE)


def _opened(session: Session, statement: Any, token: str) -> Opened | None:
    row = session.connection().execute(statement, {"digest": digest(token)}).first()
    return None if row is None else Opened(*row)


def touch_session(session: Session, token_hash: str, *, now: datetime) -> None:
    """Remember that the session was used."""
    row = session.get(UserSession, token_hash)
    if row is not None:
        row.seen_at = now


def rotate(session: Session, token: str, *, now: datetime) -> str:
    """Give the session another token; the old one still serves what is on its way, then its use ends the session.

    Two requests at once agree on the new one: it follows from the old one and the row.
    """
    row = session.get(UserSession, digest(token), with_for_update={"of": UserSession}, populate_existing=True)
    if row is None:
        found = session.scalar(select(UserSession).where(UserSession.former_hash == digest(token)))
        return _successor(token, found.salt or "") if found else token
    salt = secrets.token_hex(32)
    fresh = _successor(token, salt)
    row.former_hash, row.salt, row.token_hash = row.token_hash, salt, digest(fresh)
    row.seen_at = row.rotated_at = now
    return fresh


def replace(session: Session, token: str, *, confirmed: bool, now: datetime) -> str:
    """Give the session another token at once, as after a password or a code: the old one is worth nothing."""
    row = session.get_one(UserSession, digest(token), with_for_update={"of": UserSession}, populate_existing=True)
    fresh = secrets.token_urlsafe(32)
    row.token_hash, row.former_hash, row.salt = digest(fresh), None, None
    row.seen_at = row.rotated_at = now
    if confirmed:
        row.confirmed_at = now
    return fresh


def end_replayed(session: Session, row: Opened, *, browser: Browser, now: datetime) -> None:
    """End a session whose old token came back: two hold its cookie, and one of them is not its owner."""
    if _end(session, UserSession.id == row.id, now):
        facts = {"sessionId": row.id, **browser.facts()}
        log_warning("USER_SESSION_REPLAYED", row.role.actor, None, row.user_id, facts, session=session)


def sign_out(session: Session, *, token: str, browser: Browser, now: datetime) -> None:
    """End the session of `token`; a copied cookie is worth nothing from here on."""
    row = session.get(UserSession, digest(token), with_for_update={"of": UserSession})
    if row is not None and row.ended_at is None:
        row.ended_at = now
        actor = row.user.role.actor
        log_auth("LOGOUT", row.user_id, True, browser.facts(), actor=actor, session=session)


def end_session(session: Session, *, user_id: UUID, session_id: UUID, actor: Actor, now: datetime) -> None:
    """End one session of somebody's. Raises NotFound, also when it is another's or ended."""
    if not _end(session, UserSession.id == session_id, now, UserSession.user_id == user_id):
        raise NotFound("Cette session n’existe pas, ou plus.", event="USER_SESSIONS_ENDED")
    _log_ended(session, user_id, actor, 1, session_id)


def end_sessions(session: Session, *, user_id: UUID, actor: Actor, now: datetime, but: str | None = None) -> int:
    """End all of somebody's sessions, but the one of the token `but`; how many there were."""
    spared = [UserSession.token_hash != digest(but)] if but else []
    ended = _end(session, UserSession.user_id == user_id, now, *spared)
    if ended:
        _log_ended(session, user_id, actor, ended, None)
    return ended


def _end(session: Session, which: object, now: datetime, *rest: object) -> int:
    live = update(UserSession).where(which, *rest, UserSession.ended_at.is_(None))  # type: ignore[arg-type]
    return len(session.scalars(live.values(ended_at=now).returning(UserSession.id)).all())


def _log_ended(session: Session, user_id: UUID, actor: Actor, ended: int, session_id: UUID | None) -> None:
    facts = {"userId": user_id, "sessions": ended, "sessionId": session_id, "ipAddress": actor.ip_address}
    log_info("USER_SESSIONS_ENDED", actor.kind, None, actor.id, facts, session=session)


def _successor(token: str, salt: str) -> str:
    return hmac.new(salt.encode(), token.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def digest(token: str) -> str:
    """What the database keeps of a token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
