"""Choosing a password: twelve characters that are not the first to be tried."""

import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from portal.audit.actor import Actor
from portal.audit.system_log import log_info
from portal.domain.doors.refusals import by
from portal.domain.doors.sessions import digest, end_sessions, replace
from portal.domain.errors import NotFound, PasswordRefused
from portal.domain.people import LONGEST_PASSWORD, matches, password_hash
from portal.models import PasswordLink, User

SHORTEST_PASSWORD = 12
LINK_LASTS = timedelta(hours=72)
OBVIOUS = (
    "motdepasse", "password", "passwort", "azerty", "qwerty", "qwertz", "123456", "abcdef", "letmein", "welcome",
    "bienvenue", "bonjour", "iloveyou", "jetaime", "admin", "administrateur", "callastar", "changeme", "soleil",
    "football", "doudou", "loulou", "chouchou", "secret", "000000", "111111", "654321", "987654",
)  # fmt: skip
"""What guesses begin with; a password that is little more than these is refused."""
FEWEST_CHARACTERS = 5
LEFT_BESIDE_OBVIOUS = 6


def refuse_password(password: str, *, about: Sequence[str] = ()) -> None:
    """Raise PasswordRefused for one that is short, long, or among the first to be tried.

    `about` are words about the person, which do not count.
    """
    if len(password) < SHORTEST_PASSWORD:
        raise _refused("Choisissez au moins %(least)s caractères.", least=SHORTEST_PASSWORD)
    if len(password) > LONGEST_PASSWORD:
        raise _refused("Choisissez au plus %(most)s caractères.", most=LONGEST_PASSWORD)
    plain = re.sub(r"[^a-z0-9]", "", password.lower())
    for word in (*OBVIOUS, *(part for text in about for part in re.findall(r"[a-z0-9]{4,}", text.lower()))):
        plain = plain.replace(word, "")
    others = sum(not c.isascii() for c in password)
    if len(set(password)) < FEWEST_CHARACTERS or len(plain.rstrip("0123456789")) + others < LEFT_BESIDE_OBVIOUS:
        raise _refused(
            "Ce mot de passe serait parmi les premiers essayés : choisissez quelques mots sans rapport."
        )


def _refused(message: str, **words: object) -> PasswordRefused:
    return PasswordRefused(message, event="USER_PASSWORD_CHANGED", status=422, words=words)


def change_password(
    session: Session, *, user_id: UUID, token: str, old: str, new: str, actor: Actor, now: datetime
) -> str:
    """Change one's password; every other session ends. Returns this one's new token.

    Raises PasswordRefused.
    """
    user = session.get_one(User, user_id, with_for_update=True, populate_existing=True)
    if not matches(user.password_hash, old):
        raise PasswordRefused("Ce n’est pas votre mot de passe.", event="USER_PASSWORD_CHANGED", status=403)
    if old == new:
        raise _refused("Choisissez un autre mot de passe que l’ancien.")
    refuse_password(new, about=(user.email, user.name))
    set_password(session, user, new, actor=actor, now=now, but=token)
    return replace(session, token, confirmed=True, now=now)


def set_password(
    session: Session, user: User, new: str, *, actor: Actor, now: datetime, but: str | None = None
) -> None:
    """Store a password and end the user's sessions, but the one of the token `but`; open links end as well."""
    user.password_hash = password_hash(new)
    end_links(session, user.id, now)
    end_sessions(session, user_id=user.id, actor=actor, now=now, but=but)
    facts = {"userId": user.id, "ipAddress": actor.ip_address}
    log_info("USER_PASSWORD_CHANGED", actor.kind, None, actor.id, facts, session=session)


def make_link(session: Session, *, user_id: UUID, actor: Actor, now: datetime) -> str:
    """The token of a link that lets its holder choose the user's password, once; earlier ones end."""
    end_links(session, user_id, now)
    token = secrets.token_urlsafe(32)
    expires = now + LINK_LASTS
    session.add(
        PasswordLink(token_hash=digest(token), user_id=user_id, created_by=actor.user_id, expires_at=expires)
    )
    facts = by(actor) | {"userId": user_id, "expiresAt": expires}
    log_info("USER_PASSWORD_LINK_MADE", actor.kind, None, actor.id, facts, session=session)
    return token


def address_of_link(public_url: str, token: str) -> str:
    """Where a link's holder chooses the password."""
    return f"{public_url.rstrip('/')}/login/password/{token}"


def holder_of(session: Session, token: str, *, now: datetime, lock: bool = False) -> User:
    """Whose password a link's token may choose. Raises NotFound: unknown, used, old, of somebody disabled."""
    link = session.get(PasswordLink, digest(token), with_for_update=lock, populate_existing=lock)
    user = session.get(User, link.user_id, with_for_update=lock, populate_existing=lock) if link else None
    if link is None or user is None or link.used_at or link.expires_at <= now or user.disabled_at:
        raise NotFound("Ce lien n’est plus valable.", event="USER_PASSWORD_LINK_MADE")
    return user


def use_link(session: Session, *, token: str, new: str, ip_address: str | None, now: datetime) -> None:
    """Choose the password of a link's user. Raises NotFound or PasswordRefused."""
    user = holder_of(session, token, now=now, lock=True)
    refuse_password(new, about=(user.email, user.name))
    actor = Actor(user.role.actor, str(user.id), user.id, user.name, user.email, ip_address)
    set_password(session, user, new, actor=actor, now=now)


def end_links(session: Session, user_id: UUID, now: datetime) -> None:
    """Somebody's unused links open nothing any more."""
    unused = update(PasswordLink).where(PasswordLink.user_id == user_id, PasswordLink.used_at.is_(None))
    session.execute(unused.values(used_at=now))
