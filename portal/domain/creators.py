"""Blocking and unblocking a creator's payouts."""

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from portal.audit.actor import Actor
from portal.audit.system_log import log_admin_action, log_error, log_warning
from portal.domain.errors import BlockRefused, NotFound
from portal.domain.own_affairs import EVENT, record_own
from portal.domain.payouts.facts import lock_creator
from portal.domain.reason import REASON_LENGTHS, REASON_WANTED, clean_reason, is_reason
from portal.models import Creator as Creator
from portal.models import LogActor

NOBODY = {
    "PAYOUT_BLOCK": "ID du créateur manquant pour blocage de payout",
    "PAYOUT_UNBLOCK": "ID du créateur manquant pour déblocage de payout",
}
"""What the log says of a block without a creator. Source: the specification's example."""


def block_payouts(
    session: Session, *, creator_id: UUID | None, reason: str, actor: Actor, now: datetime
) -> Creator:
    """Stop a creator's payouts: requests are refused, approved ones stay unsent. Raises BlockRefused."""
    started = time.monotonic()
    reason = clean_reason(reason)
    known = {"creatorId": creator_id, "reason": reason}
    row_id = log_admin_action("PAYOUT_BLOCK_INITIATED", actor.id, metadata=_by(actor) | known)
    creator = _locked(session, creator_id, reason, actor, "PAYOUT_BLOCK")
    if creator.is_payout_blocked:
        facts = _about(creator) | {"currentReason": creator.payout_block_reason}
        log_warning("PAYOUT_BLOCK_ALREADY_BLOCKED", LogActor.ADMIN, None, actor.id, facts)
        message = "Les payouts de %(name)s sont déjà bloqués : %(reason)s"
        words = {"name": creator.name, "reason": creator.payout_block_reason}
        raise BlockRefused(message, event="PAYOUT_BLOCK_ALREADY_BLOCKED", facts=facts, words=words)
    creator.is_payout_blocked, creator.payout_block_reason, creator.payout_blocked_at = True, reason, now
    facts = _about(creator) | _by(actor) | {"blockReason": reason} | _done(started, row_id)
    log_admin_action("CREATOR_PAYOUT_BLOCKED", actor.id, metadata=facts, session=session)
    return creator


def hold_payouts(
    session: Session, creator: Creator, *, reason: str, facts: Mapping[str, Any], now: datetime
) -> None:
    """The portal itself stops the payouts of a locked creator until an admin has looked."""
    if creator.is_payout_blocked:
        return
    creator.is_payout_blocked, creator.payout_block_reason, creator.payout_blocked_at = True, reason, now
    nobody = {"adminId": None, "adminEmail": None, "processingTimeMs": 0, "auditLogId": None}
    told = _about(creator) | nobody | {"blockReason": reason} | dict(facts)
    log_warning("CREATOR_PAYOUT_BLOCKED", LogActor.SYSTEM, None, creator.id, told, session=session)


def unblock_payouts(session: Session, *, creator_id: UUID | None, reason: str, actor: Actor) -> Creator:
    """Let a creator's payouts go again. Raises BlockRefused."""
    started = time.monotonic()
    reason = clean_reason(reason)
    known = {"creatorId": creator_id, "reason": reason}
    row_id = log_admin_action("PAYOUT_UNBLOCK_INITIATED", actor.id, metadata=_by(actor) | known)
    creator = _locked(session, creator_id, reason, actor, "PAYOUT_UNBLOCK")
    _refuse_own(creator, actor)
    if not creator.is_payout_blocked:
        log_warning("PAYOUT_UNBLOCK_NOT_BLOCKED", LogActor.ADMIN, None, actor.id, _about(creator))
        message = "Les payouts de %(name)s ne sont pas bloqués."
        raise BlockRefused(message, event="PAYOUT_UNBLOCK_NOT_BLOCKED", words={"name": creator.name})
    previous = creator.payout_block_reason
    creator.is_payout_blocked, creator.payout_block_reason, creator.payout_blocked_at = False, None, None
    facts = _about(creator) | _by(actor) | {"previousBlockReason": previous, "reason": reason}
    log_admin_action(
        "CREATOR_PAYOUT_UNBLOCKED", actor.id, metadata=facts | _done(started, row_id), session=session
    )
    return creator


def _refuse_own(creator: Creator, actor: Actor) -> None:
    if creator.user_id != actor.user_id:
        return
    record_own(actor, "creators.unblock", _about(creator))
    message = "On ne débloque pas ses propres payouts : un autre administrateur doit le faire."
    raise BlockRefused(message, event=EVENT, status=403)


def _locked(session: Session, creator_id: UUID | None, reason: str, actor: Actor, verb: str) -> Creator:
    if creator_id is None:
        message = "Indiquez le créateur."
        raise _invalid(f"{verb}_VALIDATION_ERROR", "missing_creator_id", message, actor, told=NOBODY[verb])
    if not is_reason(reason):
        event = f"{verb}_VALIDATION_ERROR"
        raise _invalid(event, "invalid_reason", REASON_WANTED, actor, REASON_LENGTHS)
    creator = lock_creator(session, creator_id)
    if creator is None:
        event = f"{verb}_CREATOR_NOT_FOUND"
        log_error(event, LogActor.ADMIN, None, actor.id, {"adminId": actor.id, "creatorId": creator_id})
        raise NotFound("Ce créateur n’existe pas.", event=event)
    return creator


def _invalid(
    event: str,
    error: str,
    message: str,
    actor: Actor,
    words: Mapping[str, object] | None = None,
    told: str | None = None,
) -> BlockRefused:
    log_error(event, LogActor.ADMIN, told, actor.id, {"adminId": actor.id, "error": error})
    return BlockRefused(message, event=event, status=422, words=words)


def _by(actor: Actor) -> dict[str, Any]:
    return {"adminId": actor.id, "adminEmail": actor.email}


def _about(creator: Creator) -> dict[str, Any]:
    return {"creatorId": creator.id, "creatorName": creator.name, "creatorEmail": creator.email}


def _done(started: float, row_id: int | None) -> dict[str, Any]:
    """How long it took, and the row that says who began it."""
    return {"processingTimeMs": round((time.monotonic() - started) * 1000), "auditLogId": row_id}
