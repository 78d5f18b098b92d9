"""What guesses are counted for in this request, and browsers that an account is known from."""

import hashlib
import secrets

from flask import Response, current_app, request
from itsdangerous import BadSignature, URLSafeTimedSerializer

from portal.blueprints.access import browser, settings
from portal.domain.doors.signing_in import PROOF_LASTS, record_wait
from portal.domain.doors.waits import Key, keys_for
from portal.domain.errors import DomainError, TooManyGuesses

COOKIE = "known_browser"
KNOWN_FOR = 90 * 86_400


def _signer(salt: str) -> URLSafeTimedSerializer:
    keys = [*settings().secret_key_fallbacks, settings().secret_key]
    return URLSafeTimedSerializer(keys, salt=salt)


def keys_of(email: str) -> tuple[Key, ...]:
    """What a guess at `email` counts for: this browser where the account signed in before, and its network."""
    return keys_for(email, request.remote_addr, known_browser=_known_as(email))


def _known_as(email: str) -> str | None:
    try:
        name, whose = _signer("known-browser").loads(request.cookies.get(COOKIE, ""), max_age=KNOWN_FOR)
    except (BadSignature, ValueError, TypeError):
        return None
    return str(name) if whose == _mark(email) else None


def remember_browser(response: Response, email: str) -> None:
    """Let this browser be known as one that `email` signs in from."""
    if _known_as(email) is None:
        value = _signer("known-browser").dumps([secrets.token_hex(16), _mark(email)])
        secure = current_app.config["SESSION_COOKIE_SECURE"]
        response.set_cookie(COOKIE, value, max_age=KNOWN_FOR, httponly=True, samesite="Lax", secure=secure)


def _mark(email: str) -> str:
    return hashlib.sha256(email.strip().lower().encode("utf-8", "replace")).hexdigest()[:32]


def seal_proof(email: str, proof: str) -> str:
    """A right password's proof, for the form that asks for the code."""
    return str(_signer("password-proof").dumps([_mark(email), proof]))


def open_proof(email: str, sealed: str) -> str:
    """The proof of a password given for this address a moment ago; empty when it is none."""
    try:
        whose, proof = _signer("password-proof").loads(sealed, max_age=int(PROOF_LASTS.total_seconds()))
    except (BadSignature, ValueError, TypeError):
        return ""
    return str(proof) if whose == _mark(email) else ""


def wait_for(refusal: DomainError, email: str) -> int | None:
    """The seconds that a refusal imposes, recorded; None for another refusal."""
    if not isinstance(refusal, TooManyGuesses):
        return None
    record_wait(refusal, email, browser())
    return refusal.seconds
