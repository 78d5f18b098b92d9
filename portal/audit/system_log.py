"""The specification's system logger: the functions that write `log`.

Each takes the specification's arguments under its names. With `session` the row joins that
transaction and nothing is returned; without it the row is written apart at once and its id returned.
A message left out is the catalogue's.
"""

import traceback
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from portal.audit.actor import role_facts
from portal.audit.catalogue import CATALOGUE
from portal.audit.writer import log_row, write
from portal.models import LogActor, LogLevel

Metadata = Mapping[str, Any] | None
Identifier = UUID | str | None


def _log(
    level: LogLevel | None,
    type: str,
    actor: LogActor,
    message: str | None,
    actor_id: Identifier,
    metadata: Metadata,
    session: Session | None,
) -> int | None:
    spec = CATALOGUE.get(type)
    facts = dict(metadata or {}) | role_facts(None if actor_id is None else str(actor_id))
    level = level or (spec.level if spec else LogLevel.INFO)
    text = message or (spec.describe(facts) if spec else type)
    who = None if actor_id is None else str(actor_id)
    return write(log_row(type, level, actor, who, text, facts), session)


def log_info(
    type: str,
    actor: LogActor,
    message: str | None = None,
    actor_id: Identifier = None,
    metadata: Metadata = None,
    *,
    session: Session | None = None,
) -> int | None:
    """Record a normal operation."""
    return _log(LogLevel.INFO, type, actor, message, actor_id, metadata, session)


def log_warning(
    type: str,
    actor: LogActor,
    message: str | None = None,
    actor_id: Identifier = None,
    metadata: Metadata = None,
    *,
    session: Session | None = None,
) -> int | None:
    """Record an anomaly that stops nothing."""
    return _log(LogLevel.WARNING, type, actor, message, actor_id, metadata, session)


def log_error(
    type: str,
    actor: LogActor,
    message: str | None = None,
    actor_id: Identifier = None,
    metadata: Metadata = None,
    *,
    session: Session | None = None,
) -> int | None:
    """Record an error that wants attention."""
    return _log(LogLevel.ERROR, type, actor, message, actor_id, metadata, session)


def log_critical(
    type: str,
    actor: LogActor,
    message: str | None = None,
    actor_id: Identifier = None,
    metadata: Metadata = None,
    *,
    session: Session | None = None,
) -> int | None:
    """Record an error that stops the portal or money; never deleted."""
    return _log(LogLevel.CRITICAL, type, actor, message, actor_id, metadata, session)


def log_auth(
    action: str,
    user_id: Identifier,
    success: bool,
    metadata: Metadata = None,
    *,
    actor: LogActor | None = None,
    session: Session | None = None,
) -> int | None:
    """Record LOGIN or LOGOUT as USER_LOGIN, USER_LOGIN_FAILED or USER_LOGOUT."""
    type = f"USER_{action}" if success else f"USER_{action}_FAILED"
    who = actor or (LogActor.USER if success else LogActor.GUEST)
    return _log(None, type, who, None, user_id, metadata, session)


def log_user_action(
    type: str,
    user_id: Identifier,
    message: str | None = None,
    metadata: Metadata = None,
    *,
    session: Session | None = None,
) -> int | None:
    """Record what a user did."""
    return _log(None, type, LogActor.USER, message, user_id, metadata, session)


def log_creator_action(
    type: str,
    creator_id: Identifier,
    message: str | None = None,
    metadata: Metadata = None,
    *,
    session: Session | None = None,
) -> int | None:
    """Record what a creator did."""
    return _log(None, type, LogActor.CREATOR, message, creator_id, metadata, session)


def log_admin_action(
    type: str,
    admin_id: Identifier,
    message: str | None = None,
    level: LogLevel | None = None,
    metadata: Metadata = None,
    *,
    session: Session | None = None,
) -> int | None:
    """Record what an admin did."""
    return _log(level, type, LogActor.ADMIN, message, admin_id, metadata, session)


def log_system(
    type: str,
    message: str | None = None,
    level: LogLevel | None = None,
    metadata: Metadata = None,
    *,
    session: Session | None = None,
) -> int | None:
    """Record what the portal did by itself."""
    return _log(level, type, LogActor.SYSTEM, message, None, metadata, session)


def log_payment_event(
    event: str,
    payment_id: Identifier,
    user_id: Identifier,
    amount: Any,
    currency: str,
    level: LogLevel | None = None,
    metadata: Metadata = None,
    *,
    session: Session | None = None,
) -> int | None:
    """Record PAYMENT_`event`; `amount` is a decimal amount of `currency`."""
    facts = {"paymentId": payment_id, "amount": amount, "currency": currency, **(metadata or {})}
    return _log(level, f"PAYMENT_{event}", LogActor.USER, None, user_id, facts, session)


def log_payout_event(
    event: str,
    payout_id: Identifier,
    creator_id: Identifier,
    amount: Any,
    currency: str,
    level: LogLevel | None = None,
    metadata: Metadata = None,
    *,
    session: Session | None = None,
) -> int | None:
    """Record PAYOUT_`event`, by the actor that the catalogue names; `amount` is a decimal amount."""
    type = f"PAYOUT_{event}"
    facts = {"payoutId": payout_id, "creatorId": creator_id, "amount": amount, "currency": currency}
    facts |= metadata or {}
    actors = CATALOGUE[type].actors if type in CATALOGUE else (LogActor.SYSTEM,)
    by_admin = LogActor.ADMIN in actors and "adminId" in facts
    actor = LogActor.ADMIN if by_admin else actors[0]
    actor_id = facts["adminId"] if by_admin else creator_id
    return _log(level, type, actor, None, actor_id, facts, session)


def log_webhook_event(
    provider: str,
    event_type: str,
    success: bool,
    metadata: Metadata = None,
    *,
    session: Session | None = None,
) -> int | None:
    """Record how the processing of a provider's event ended."""
    type = "WEBHOOK_PROCESSING_SUCCESS" if success else "WEBHOOK_PROCESSING_FAILED"
    facts = {"provider": provider, "eventType": event_type, **(metadata or {})}
    return _log(None, type, LogActor.SYSTEM, None, None, facts, session)


def log_api_error(
    endpoint: str,
    error: BaseException | str,
    actor: LogActor,
    actor_id: Identifier = None,
    metadata: Metadata = None,
    *,
    session: Session | None = None,
) -> int | None:
    """Record that a call failed, with the error's type, message and stack trace."""
    facts = {"endpoint": endpoint, "action": endpoint, **error_facts(error), **(metadata or {})}
    return _log(None, "API_ERROR", actor, None, actor_id, facts, session)


def log_booking(
    event: str,
    booking_id: Identifier,
    user_id: Identifier,
    creator_id: Identifier,
    metadata: Metadata = None,
    *,
    session: Session | None = None,
) -> int | None:
    """Record BOOKING_`event`, by the actor that the catalogue names."""
    type = f"BOOKING_{event}"
    actors = CATALOGUE[type].actors if type in CATALOGUE else (LogActor.SYSTEM,)
    facts = {"bookingId": booking_id, "userId": user_id, "creatorId": creator_id, **(metadata or {})}
    actor_id = {LogActor.USER: user_id, LogActor.CREATOR: creator_id}.get(actors[0])
    return _log(None, type, actors[0], None, actor_id, facts, session)


def error_facts(error: BaseException | str) -> dict[str, Any]:
    """errorType, errorMessage and errorStack of an exception."""
    if isinstance(error, str):
        return {"errorType": "Error", "errorMessage": error, "errorStack": None}
    stack = "".join(traceback.format_exception(error))
    return {"errorType": type(error).__name__, "errorMessage": str(error), "errorStack": stack}
