"""Signing in: a password and, where one is set, a code; counted before it is looked at."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hmac import compare_digest
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.system_log import log_auth, log_info, log_warning
from portal.domain.doors.second_factor import check_code, factor_of
from portal.domain.doors.sessions import open_session, replace
from portal.domain.doors.waits import Key, forget_old, give_back, take_turn
from portal.domain.errors import CodeWanted, SignInRefused, TooManyGuesses
from portal.domain.people import Browser, Limits, matches, needs_new_hash, nobodys_hash, password_hash
from portal.domain.work import Clock, UnitOfWork
from portal.models import LogActor, User

LONGEST_EMAIL = 254


@dataclass(frozen=True, slots=True)
class Guess:
    """What somebody offers. `proof` stands for a password that was right while the code is asked for."""

    email: str
    password: str = ""
    code: str = ""
    proof: str = ""


def sign_in(
    work: UnitOfWork, guess: Guess, *, keys: Sequence[Key], browser: Browser, limits: Limits, clock: Clock
) -> str:
    """Open a session and return its token, which only the cookie holds.

    Raises TooManyGuesses, SignInRefused, or CodeWanted when the password is right and a code is missing. Unknown
    addresses and disabled accounts cost as much time as wrong passwords and get the same answer.
    """
    email = guess.email.strip().lower()[:LONGEST_EMAIL]
    now = clock()
    with work() as session:
        take_turn(session, keys, now=now)
        user = session.scalar(select(User).where(User.email == email))
        known = (user.id, user.password_hash) if user else None
    right = _is_right(guess, known[1] if known else None)
    refusal = "unknown_email" if known is None else None if right else "wrong_password"
    if known and refusal is None:
        with work() as session:
            forget_old(session, now=now)
            token, refusal = _open(session, known, guess, keys, browser, limits, clock)
        if token == "":
            raise CodeWanted(proof_of(known[1]))
        if token is not None:
            return token
    facts = {"email": guess.email[:LONGEST_EMAIL], "reason": refusal, **browser.facts()}
    log_auth("LOGIN", known[0] if known else None, False, facts)
    raise SignInRefused(
        "Code incorrect ou déjà utilisé."
        if refusal == "wrong_code"
        else "Adresse e-mail ou mot de passe incorrect.",
        event="USER_LOGIN_FAILED",
        facts={"asked": "code" if refusal == "wrong_code" else "password"},
    )


def _open(
    session: Session,
    known: tuple[UUID, str],
    guess: Guess,
    keys: Sequence[Key],
    browser: Browser,
    limits: Limits,
    clock: Clock,
) -> tuple[str | None, str | None]:
    """A session's token, or why there is none; an empty token asks for a code. The locked row decides."""
    now = clock()
    user = session.get_one(User, known[0], with_for_update=True, populate_existing=True)
    if user.disabled_at is not None or user.password_hash != known[1]:
        return None, "disabled" if user.disabled_at is not None else "wrong_password"
    guarded = factor_of(session, user.id) is not None
    if guarded and not guess.code:
        give_back(session, keys, now=now, forgive=False)
        return "", None
    if guarded and not check_code(session, user=user, code=guess.code, facts=browser.facts(), now=now):
        return None, "wrong_code"
    if guess.password and needs_new_hash(user.password_hash):
        user.password_hash = password_hash(guess.password)
    give_back(session, keys, now=now, forgive=True)
    role = {"role": user.role} if user.role.actor != user.role.value else {}
    facts = {**browser.facts(), "secondFactor": guarded, **role}
    log_auth("LOGIN", user.id, True, facts, actor=user.role.actor, session=session)
    return open_session(session, user=user, browser=browser, limits=limits, now=now), None


def confirm(
    work: UnitOfWork, guess: Guess, *, token: str, keys: Sequence[Key], browser: Browser, clock: Clock
) -> str:
    """Somebody signed in proves again who they are; returns the session's new token.

    Raises TooManyGuesses or SignInRefused.
    """
    now, email = clock(), guess.email
    with work() as session:
        take_turn(session, keys, now=now)
        user = session.scalars(select(User).where(User.email == email)).one()
        known = user.password_hash
    right = _is_right(guess, known)
    with work() as session:
        user = session.get_one(User, user.id, with_for_update=True, populate_existing=True)
        right = right and user.password_hash == known
        guarded = factor_of(session, user.id) is not None
        if right and (
            not guarded or check_code(session, user=user, code=guess.code, facts=browser.facts(), now=now)
        ):
            give_back(session, keys, now=now, forgive=True)
            log_info("USER_CONFIRMED", user.role.actor, None, user.id, browser.facts(), session=session)
            return replace(session, token, confirmed=True, now=now)
    reason = "wrong_code" if right else "wrong_password"
    facts = {**browser.facts(), "reason": reason}
    log_warning("USER_CONFIRMATION_FAILED", user.role.actor, None, user.id, facts)
    raise SignInRefused(
        "Mot de passe ou code incorrect." if guarded else "Mot de passe incorrect.",
        event="USER_CONFIRMATION_FAILED",
    )


def record_wait(refusal: TooManyGuesses, email: str, browser: Browser) -> None:
    """Keep that somebody has to wait."""
    facts = {"email": email[:LONGEST_EMAIL], "waitSeconds": refusal.seconds, **browser.facts()}
    log_warning("USER_LOGIN_DELAYED", LogActor.GUEST, None, None, facts)


def proof_of(stored_hash: str) -> str:
    """Says that a password was right, as long as it stays the same; nothing can be learnt from it."""
    return hashlib.sha256(f"proof:{stored_hash}".encode()).hexdigest()


def _is_right(guess: Guess, stored_hash: str | None) -> bool:
    if guess.proof:
        return stored_hash is not None and compare_digest(proof_of(stored_hash), guess.proof)
    return matches(stored_hash or nobodys_hash(), guess.password)


PROOF_LASTS = timedelta(minutes=5)
"""How long a code may be handed in after its password."""
