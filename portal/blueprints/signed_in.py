"""Who is asking: the person behind a session, kept alive and under a token that changes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast
from uuid import UUID

from flask import current_app, g, request, session
from flask_login import current_user

from portal.audit.actor import Actor, remember_auditor
from portal.config import Settings
from portal.domain.doors.sessions import (
    RECENT,
    ROTATED_EVERY,
    SEEN_EVERY,
    Found,
    end_replayed,
    find_session,
    rotate,
    touch_session,
)
from portal.domain.gateway import StripeGateway
from portal.domain.people import Browser, Limits, Role
from portal.domain.preferences import Preferences
from portal.domain.work import utc_now
from portal.unit_of_work import reading, unit_of_work


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The person behind a live session, as Flask-Login wants one."""

    token: str
    session_id: UUID
    confirmed_at: datetime
    user_id: UUID
    creator_id: UUID | None
    name: str
    email: str
    role: Role
    preferences: Preferences
    is_authenticated: bool = True
    is_active: bool = True
    is_anonymous: bool = False

    def get_id(self) -> str:
        """The session's token: signing out ends it wherever the cookie was copied."""
        return self.token

    @property
    def is_recent(self) -> bool:
        """Whether this session proved who it is a short while ago."""
        return utc_now() - self.confirmed_at < RECENT

    @property
    def timezone(self) -> str:
        """The zone this browser shows: UTC while switched to it, else the person's own."""
        return "UTC" if session.get("utc") else self.preferences.timezone

    @property
    def actor(self) -> Actor:
        """This person in audit rows: creators by their creator's id."""
        return Actor(
            kind=self.role.actor,
            id=str(self.creator_id or self.user_id),
            user_id=self.user_id,
            name=self.name,
            email=self.email,
            ip_address=browser().ip_address,
            user_agent=browser().user_agent,
        )


def load_signed_in(token: str) -> SignedIn | None:
    """The person of a session token, or None when it ended, or cannot be looked up."""
    if g.get("database_gone"):
        return None
    now = utc_now()
    found = find_session(reading(), token, limits=session_limits(), now=now)
    if found is None:
        return None
    if found.replayed:
        with unit_of_work() as work:
            end_replayed(work, found.row, browser=browser(), now=now)
        return None
    return _kept_alive(_signed_in(found), found, token, now)


def _signed_in(found: Found) -> SignedIn:
    row = found.row
    person = SignedIn(
        token=found.token,
        session_id=row.id,
        confirmed_at=row.confirmed_at,
        user_id=row.user_id,
        creator_id=row.creator_id if row.role is Role.CREATOR else None,
        name=row.name,
        email=row.email,
        role=row.role,
        preferences=row.preferences,
    )
    if person.role is Role.AUDITOR:
        remember_auditor(str(row.user_id))
    return person


def _kept_alive(somebody: SignedIn, found: Found, token: str, now: datetime) -> SignedIn:
    """The session remembered as used, under a new token when it is time: only pages get one, calls keep theirs."""
    row = found.row
    if now - row.rotated_at > ROTATED_EVERY and request.method == "GET" and not wants_json():
        with unit_of_work() as work:
            somebody = replace(somebody, token=rotate(work, somebody.token, now=now))
    elif now - row.seen_at > SEEN_EVERY:
        with unit_of_work() as work:
            touch_session(work, row.token_hash, now=now)
    if somebody.token != token:
        session["_user_id"] = somebody.token
    return somebody


_whoever: Callable[[], SignedIn] = current_user._get_current_object
"""Whom `current_user` stands for: the person, or Flask-Login's own nobody."""


def person() -> SignedIn | None:
    """Whoever is signed in; nobody once this request has found the database gone."""
    if g.get("database_gone"):
        return None
    somebody = _whoever()
    return somebody if somebody.is_authenticated else None


def me() -> SignedIn:
    """Whoever is signed in, in a view that requires somebody."""
    return _whoever()


def settings() -> Settings:
    """The application's settings."""
    return cast(Settings, current_app.extensions["settings"])


def gateway() -> StripeGateway:
    """The application's way to Stripe."""
    return cast(StripeGateway, current_app.extensions["stripe_gateway"])


def session_limits() -> Limits:
    """How long sessions live here."""
    return Limits(idle=settings().idle_limit, absolute=settings().session_limit)


def browser() -> Browser:
    """Where this request comes from."""
    agent = request.headers.get("User-Agent")
    return Browser(ip_address=request.remote_addr, user_agent=agent[:400] if agent else None)


def wants_json() -> bool:
    """True for the calls of other programs."""
    return request.path.startswith("/api/")
