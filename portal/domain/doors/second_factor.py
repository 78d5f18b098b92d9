"""A second factor: codes that work once, and recovery codes that work once each."""

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime
from hmac import compare_digest
from typing import Any
from uuid import UUID

import pyotp
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified

from portal.audit.system_log import log_error, log_info, log_warning
from portal.domain.errors import SecondFactorRefused
from portal.models import LogActor, RecoveryCode, SecondFactor, User

ISSUER = "Callastar"
STEP_SECONDS = 30
DRIFT = (-1, 0, 1)
RECOVERY_CODES = 10
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Letters that are not taken for each other; sixteen of them are 79 bits."""

Facts = Mapping[str, Any]


def factor_of(session: Session, user_id: UUID, *, lock: bool = False) -> SecondFactor | None:
    """The second factor that somebody has confirmed."""
    factor = session.get(SecondFactor, user_id, with_for_update=lock, populate_existing=lock)
    return factor if factor is not None and factor.confirmed_at is not None else None


def begin_second_factor(session: Session, *, user: User) -> SecondFactor:
    """A secret to be scanned; it guards nothing until a code confirms it. Raises SecondFactorRefused."""
    factor = session.get(SecondFactor, user.id, with_for_update=True, populate_existing=True)
    if factor is not None and factor.confirmed_at is not None:
        raise SecondFactorRefused("Un second facteur protège déjà ce compte.", event="USER_SECOND_FACTOR_ENABLED")
    if factor is None:
        factor = SecondFactor(user_id=user.id)
        session.add(factor)
    factor.secret = pyotp.random_base32()
    return factor


def address_of(factor: SecondFactor, email: str) -> str:
    """What an authenticator scans."""
    return pyotp.TOTP(factor.secret or "").provisioning_uri(name=email, issuer_name=ISSUER)


def confirm_second_factor(session: Session, *, user: User, code: str, facts: Facts, now: datetime) -> list[str]:
    """Let the scanned secret guard the account from here on; returns its recovery codes, shown once.

    Raises SecondFactorRefused.
    """
    factor = session.get(SecondFactor, user.id, with_for_update=True, populate_existing=True)
    if factor is None or factor.confirmed_at is not None:
        raise SecondFactorRefused("Recommencez : ce code ne confirme rien.", event="USER_SECOND_FACTOR_ENABLED")
    if not _takes(factor, code, now):
        raise SecondFactorRefused(
            "Ce code n’est pas le bon. Vérifiez l’heure de votre téléphone.",
            event="USER_SECOND_FACTOR_ENABLED",
            status=422,
        )
    factor.confirmed_at = now
    log_info("USER_SECOND_FACTOR_ENABLED", user.role.actor, None, user.id, facts, session=session)
    return _new_codes(session, user.id)


def renew_recovery_codes(session: Session, *, user: User, facts: Facts) -> list[str]:
    """New recovery codes; the old ones open nothing from here on. Raises SecondFactorRefused."""
    if factor_of(session, user.id, lock=True) is None:
        raise SecondFactorRefused("Aucun second facteur.", event="USER_RECOVERY_CODES_RENEWED")
    log_info("USER_RECOVERY_CODES_RENEWED", user.role.actor, None, user.id, facts, session=session)
    return _new_codes(session, user.id)


def disable_second_factor(session: Session, *, user: User, facts: Facts) -> None:
    """Its owner, who has just proved who they are, takes it away."""
    if remove_second_factor(session, user_id=user.id):
        log_warning("USER_SECOND_FACTOR_DISABLED", user.role.actor, None, user.id, facts, session=session)


def remove_second_factor(session: Session, *, user_id: UUID) -> bool:
    """Take the second factor and its recovery codes away; whether there was one."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    removed = delete(SecondFactor).where(SecondFactor.user_id == user_id).returning(SecondFactor.confirmed_at)
    return session.scalar(removed) is not None


def reseal(session: Session) -> tuple[int, int]:
    """Seal every secret under the newest key: how many, and how many no key opens, which stay as they are."""
    factors = session.scalars(select(SecondFactor).order_by(SecondFactor.user_id).with_for_update()).all()
    for factor in factors:
        if factor.secret is not None:
            flag_modified(factor, "secret")
    unreadable = sum(factor.secret is None for factor in factors)
    facts = {"sealed": len(factors) - unreadable, "unreadable": unreadable}
    log_info("USER_SECOND_FACTORS_SEALED", LogActor.SYSTEM, None, None, facts, session=session)
    return len(factors) - unreadable, unreadable


def check_code(session: Session, *, user: User, code: str, facts: Facts, now: datetime) -> bool:
    """Whether a code of the authenticator, or a recovery code, is right; either is used up by it."""
    factor = factor_of(session, user.id, lock=True)
    return factor is not None and (_takes(factor, code, now) or _recovers(session, user, code, facts, now))


def codes_left(session: Session, user_id: UUID) -> int:
    """How many recovery codes are unused."""
    query = select(func.count()).where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    return session.scalar(query) or 0


def _takes(factor: SecondFactor, code: str, now: datetime) -> bool:
    """Whether `code` belongs to a step after the last one taken; the step is taken then."""
    digits = "".join(code.split())
    if not (digits.isascii() and digits.isdigit() and len(digits) == 6):
        return False
    if factor.secret is None:
        log_error("USER_SECOND_FACTOR_UNREADABLE", LogActor.SYSTEM, None, None, {"userId": factor.user_id})
        return False
    totp, current = pyotp.TOTP(factor.secret), int(now.timestamp()) // STEP_SECONDS
    for step in (current + drift for drift in DRIFT):
        if step > (factor.last_step or 0) and compare_digest(totp.generate_otp(step), digits):
            factor.last_step = step
            flag_modified(factor, "secret")  # sealed anew with each use, under the newest key
            return True
    return False


def _recovers(session: Session, user: User, code: str, facts: Facts, now: datetime) -> bool:
    found = session.get(RecoveryCode, (user.id, _digest(code)), with_for_update=True, populate_existing=True)
    if found is None or found.used_at is not None:
        return False
    found.used_at = now
    session.flush()
    known = {**facts, "codesLeft": codes_left(session, user.id)}
    log_warning("USER_RECOVERY_CODE_USED", user.role.actor, None, user.id, known, session=session)
    return True


def _new_codes(session: Session, user_id: UUID) -> list[str]:
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    codes = [_made() for _ in range(RECOVERY_CODES)]
    session.add_all(RecoveryCode(user_id=user_id, code_hash=_digest(code)) for code in codes)
    return codes


def _made() -> str:
    letters = "".join(secrets.choice(ALPHABET) for _ in range(16))
    return "-".join(letters[i : i + 4] for i in range(0, 16, 4))


def _digest(code: str) -> str:
    plain = "".join(c for c in code.lower() if c.isalnum())
    return hashlib.sha256(plain.encode("utf-8", "replace")).hexdigest()
