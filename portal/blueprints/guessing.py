"""What guesses are counted for in this request, and browsers that an account is known from."""

import hashlib
import secrets
from datetime import timedelta

from flask import Response, current_app, request

from portal.blueprints.access import browser
from portal.blueprints.sealing import seal, unseal
from portal.domain.doors.signing_in import PROOF_LASTS, record_wait
from portal.domain.doors.waits import Key, keys_for
from portal.domain.errors import DomainError, TooManyGuesses

COOKIE = "known_browser"
KNOWN_FOR = timedelta(days=90)


def keys_of(email: str) -> tuple[Key, ...]:
    """What a guess at `email` counts for: this browser where the account signed in before, and its network."""
    return keys_for(email, request.remote_addr, known_browser=_known_as(email))


def _known_as(email: str) -> str | None:
    name, whose = unseal("known-browser", request.cookies.get(COOKIE, ""), within=KNOWN_FOR) or (None, None)
    return str(name) if whose == _mark(email) else None


def remember_browser(response: Response, email: str) -> None:
    """Let this browser be known as one that `email` signs in from."""
    if _known_as(email) is None:
        value = seal("known-browser", [secrets.token_hex(16), _mark(email)])
        secure = current_app.config["SESSION_COOKIE_SECURE"]
        response.set_cookie(COOKIE, value, max_age=KNOWN_FOR, httponly=True, samesite="Lax", secure=secure)


def _mark(email: str) -> str:
    return hashlib.sha256(email.strip().lower().encode("utf-8", "replace")).hexdigest()[:32]


def seal_proof(email: str, proof: str) -> str:
    """A right password's proof, for the form that asks for the code."""
    return seal("password-proof", [_mark(email), proof])


def open_proof(email: str, sealed: str) -> str:
    """The proof of a password given for this address a moment ago; empty when it is none."""
    whose, proof = unseal("password-proof", sealed, within=PROOF_LASTS) or (None, "")
    return str(proof) if whose == _mark(email) else ""


def wait_for(refusal: DomainError, email: str) -> int | None:
    """The seconds that a refusal imposes, recorded; None for another refusal."""
    if not isinstance(refusal, TooManyGuesses):
        return None
    record_wait(refusal, email, browser())
    return refusal.seconds
