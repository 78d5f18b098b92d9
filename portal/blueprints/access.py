"""Whether somebody may: roles, second factors, request ids, safe returns."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec
from urllib.parse import urlencode, urlsplit

from flask import Flask, Response, abort, g, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from portal.audit.actor import Actor, begin_operation
from portal.audit.system_log import log_error, log_warning
from portal.blueprints.signed_in import SignedIn as SignedIn
from portal.blueprints.signed_in import browser as browser
from portal.blueprints.signed_in import gateway as gateway
from portal.blueprints.signed_in import load_signed_in as load_signed_in
from portal.blueprints.signed_in import me as me
from portal.blueprints.signed_in import person as person
from portal.blueprints.signed_in import session_limits as session_limits
from portal.blueprints.signed_in import settings as settings
from portal.blueprints.signed_in import wants_json as wants_json
from portal.domain.doors.second_factor import factor_of
from portal.domain.errors import SecondFactorRefused
from portal.domain.people import LogActor, Role
from portal.unit_of_work import reading

READERS = (Role.ADMIN, Role.AUDITOR)
"""Who may read what admins read."""

P = ParamSpec("P")
View = Callable[P, Any]


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
            if somebody.role in READERS and _lacks_second_factor(somebody, roles):
                return _to_second_factor()
            return view(*args, **kwargs)

        return guarded

    return guard


def _lacks_second_factor(somebody: SignedIn, roles: tuple[Role, ...]) -> bool:
    """Whether a second factor must be set first; for pages of every role, its own among them, it need not."""
    if not settings().admins_need_second_factor or not set(roles) <= set(READERS):
        return False
    return factor_of(reading(), somebody.user_id) is None


def _to_second_factor() -> BaseResponse:
    if wants_json():
        message = "Activez d’abord un second facteur."
        raise SecondFactorRefused(message, event="USER_SECOND_FACTOR_ENABLED", status=403)
    return redirect(url_for("account.second_factor"))


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


LOCKED = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)
HSTS = ("Strict-Transport-Security", "max-age=31536000")


def _headers(response: Response) -> Response:
    """What no view says is added at once; what one may say of its own is left as it is."""
    headers = response.headers
    for name, value in LOCKED:
        headers.add(name, value)
    headers.add("X-Request-Id", str(g.get("request_id", "")))
    headers.setdefault("Content-Security-Policy", CSP)
    if request.is_secure:
        headers.add(*HSTS)
    if request.endpoint != "static":
        headers.setdefault("Cache-Control", "no-store")
    return response
