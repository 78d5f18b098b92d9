"""Who is asking, and whether they may: sessions, roles, request ids, safe returns."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, cast
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from flask import Flask, Response, abort, current_app, g, redirect, request, session, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as BaseResponse

from portal.audit.actor import Actor, begin_operation, remember_auditor
from portal.audit.system_log import log_error, log_warning
from portal.config import Settings
from portal.domain.gateway import StripeGateway
from portal.domain.people import (
    SEEN_EVERY,
    Browser,
    Limits,
    LogActor,
    Role,
    creator_of,
    find_session,
    touch_session,
)
from portal.domain.preferences import Preferences, preferences_of
from portal.domain.work import utc_now
from portal.unit_of_work import reading, unit_of_work

READERS = (Role.ADMIN, Role.AUDITOR)
"""Who may read what admins read."""

P = ParamSpec("P")
View = Callable[P, Any]


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The person behind a live session, as Flask-Login wants one."""

    token: str
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
    row = find_session(reading(), token, limits=session_limits(), now=now)
    if row is None:
        return None
    creator = creator_of(reading(), row.user_id) if row.user.role is Role.CREATOR else None
    user = row.user
    person = SignedIn(
        token=token,
        user_id=user.id,
        creator_id=creator.id if creator else None,
        name=user.name,
        email=user.email,
        role=Role(user.role),
        preferences=preferences_of(user),
    )
    if person.role is Role.AUDITOR:
        remember_auditor(str(user.id))
    if now - row.seen_at > SEEN_EVERY:
        with unit_of_work() as session:
            touch_session(session, row.token_hash, now=now)
    return person


def person() -> SignedIn | None:
    """Whoever is signed in; nobody once this request has found the database gone."""
    if g.get("database_gone"):
        return None
    return cast(SignedIn, current_user) if current_user.is_authenticated else None


def me() -> SignedIn:
    """Whoever is signed in, in a view that requires somebody."""
    return cast(SignedIn, current_user)


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


def requires(*roles: Role) -> Callable[[View[P]], View[P]]:
    """Let only these roles reach a view; others are sent to sign in, or told 403 and recorded."""

    def guard(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> Any:
            somebody = person()
            if somebody is None:
                return _to_sign_in()
            if somebody.role not in roles:
                _record_denied(somebody.actor, roles)
                abort(403)
            return view(*args, **kwargs)

        return guarded

    return guard


def _to_sign_in() -> BaseResponse:
    record_guest()
    if wants_json():
        abort(401)
    target = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("auth.login", next=target))


def record_guest() -> None:
    """What the specification wants known of somebody who did not sign in first."""
    if request.endpoint == "api.request_payout":
        record_unauthorized_request(None)
    elif request.endpoint == "api.create_intent":
        facts = {"endpoint": request.path, "ipAddress": request.remote_addr}
        log_error("PAYMENT_INTENT_UNAUTHORIZED", LogActor.GUEST, None, None, facts)


def _record_denied(actor: Actor, roles: tuple[Role, ...]) -> None:
    facts = {
        "endpoint": request.path,
        "method": request.method,
        "requiredRole": "|".join(roles),
        "ipAddress": actor.ip_address,
    }
    log_warning("USER_ACCESS_DENIED", actor.kind, None, actor.id, facts)
    if request.endpoint == "api.request_payout":
        record_unauthorized_request(actor)


def record_unauthorized_request(actor: Actor | None) -> None:
    """Somebody who is no creator asked for a payout."""
    kind = actor.kind if actor else LogActor.GUEST
    facts = {"endpoint": request.path, "role": kind, "ipAddress": request.remote_addr}
    log_error("PAYOUT_REQUEST_UNAUTHORIZED", kind, None, actor.id if actor else None, facts)


def safe_next(target: str | None) -> str | None:
    """`target` when it stays on this site, else None: no scheme, no host, no backslash, no control character."""
    if not target or not target.startswith("/") or target.startswith("//"):
        return None
    if "\\" in target or any(ord(c) < 32 for c in target):
        return None
    parts = urlsplit(target)
    return None if parts.scheme or parts.netloc else target


def with_query(**changes: Any) -> str:
    """This page's address with some parameters set, or dropped when None."""
    kept = [(k, v) for k, v in request.args.items(multi=True) if k not in changes]
    kept += [(k, v) for k, v in changes.items() if v is not None]
    return f"{request.path}?{urlencode(kept)}" if kept else request.path


def register(app: Flask) -> None:
    """Begin every request as an operation of its own, and end it with the headers of a locked door."""
    app.before_request(_begin)
    app.after_request(_headers)


def _begin() -> None:
    g.request_id = begin_operation()


CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def _headers(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", CSP)
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"
    headers["X-Frame-Options"] = "DENY"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["X-Request-Id"] = str(g.get("request_id", ""))
    if request.is_secure:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    if request.endpoint != "static":
        headers.setdefault("Cache-Control", "no-store")
    return response
