"""People who sign in, and their argon2 passwords."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy.orm import Session

from portal.models import LogActor as LogActor
from portal.models import Role as Role
from portal.models import User as User
from portal.models import uuid7

HASHER = PasswordHasher()
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
    user = User(
        id=uuid7(), email=email.strip().lower(), name=name, role=role, password_hash=password_hash(password)
    )
    session.add(user)
    return user


def password_hash(password: str) -> str:
    """What the database keeps of a password."""
    return HASHER.hash(password[:LONGEST_PASSWORD])


def needs_new_hash(stored: str) -> bool:
    """Whether the parameters have become stronger since `stored` was made."""
    return HASHER.check_needs_rehash(stored)


def nobodys_hash() -> str:
    """A hash that no password matches, as dear to compare as anybody's."""
    return _nobodys(HASHER)


@cache
def _nobodys(hasher: PasswordHasher) -> str:
    return hasher.hash(secrets.token_urlsafe(16))


def matches(stored: str, password: str) -> bool:
    """Whether `password` is the one that `stored` was made of."""
    try:
        return HASHER.verify(stored, password[:LONGEST_PASSWORD])
    except (VerificationError, InvalidHashError):
        return False


def find_user(session: Session, user_id: UUID, *, lock: bool = False) -> User:
    """The user of a session that is alive."""
    return session.get_one(User, user_id, with_for_update=lock, populate_existing=lock)
