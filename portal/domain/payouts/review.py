"""An admin decides on a requested payout: T3 approve, T4 reject."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from portal.audit.actor import Actor
from portal.audit.system_log import log_admin_action, log_error
from portal.domain.errors import NotFound, PayoutRefused
from portal.domain.gateway import StripeGateway
from portal.domain.own_affairs import record_own
from portal.domain.payouts.attempts import prepare_attempt
from portal.domain.payouts.facts import lock_payout, log_event, moved, payout_facts
from portal.domain.payouts.sending import send_payout
from portal.domain.payouts.two_admins import waits_for_second
from portal.domain.reason import LONGEST_REASON, clean_reason
from portal.domain.work import Clock, UnitOfWork
from portal.models import Creator, LogActor, Payout, PayoutStatus, User


def approve_payout(
    work: UnitOfWork,
    gateway: StripeGateway,
    *,
    payout_id: UUID,
    actor: Actor,
    clock: Clock,
    version: int | None = None,
    despite: str | None = None,
    two_above: Decimal | None = None,
) -> None:
    """Approve a requested payout and send it. Raises NotFound or PayoutRefused.

    Above the decimal amount `two_above` the first approval is only recorded, and a second admin's sends.

    `version` is the one the admin saw; another one means that the payout changed since. `despite` is the
    admin's reason to approve although checks failed.
    """
    log_admin_action("PAYOUT_APPROVAL_INITIATED", actor.id, metadata=_by(actor, payout_id))
    with work() as session:
        payout, creator = _requested(session, payout_id, actor, "PAYOUT_APPROVAL", version)
        refuse_approval(payout, creator, actor)
        if waits_for_second(session, payout, actor, n=1, above=two_above, now=clock()):
            return
        _approve(session, payout, creator, actor, gateway.api_version, clock(), despite)
    send_payout(work, gateway, payout_id=payout_id, clock=clock)


def _approve(
    session: Session,
    payout: Payout,
    creator: Creator,
    actor: Actor,
    api_version: str,
    now: datetime,
    despite: str | None,
) -> None:
    facts = payout_facts(payout) | {"adminId": actor.id, "adminName": actor.name, "creatorName": creator.name}
    facts |= {"despiteChecks": clean_reason(despite)} if despite else {}
    log_admin_action("PAYOUT_APPROVAL_VALIDATED", actor.id, metadata=facts, session=session)
    previous = payout.move_to(PayoutStatus.APPROVED, at=now)
    payout.decided_by, payout.decided_at = actor.user_id, now
    session.flush()
    prepare_attempt(session, payout, n=1, api_version=api_version, now=now)
    log_event(session, payout, "APPROVED", facts | moved(payout, previous))


def refuse_approval(payout: Payout, creator: Creator, actor: Actor) -> None:
    """T3's guards on the locked rows; a retry's too. Raises PayoutRefused."""
    facts = {"payoutId": payout.id, "adminId": actor.id, "creatorId": creator.id}
    if creator.user_id == actor.user_id:
        record_own(actor, "payouts.approve", facts)
        message = "On n’approuve pas son propre payout : un autre administrateur doit le faire."
        raise PayoutRefused(message, event="USER_ACCESS_DENIED", status=403)
    if creator.is_payout_blocked:
        message = "Les payouts de %(name)s sont bloqués : %(reason)s"
        words = {"name": creator.name, "reason": creator.payout_block_reason}
        facts["blockReason"] = creator.payout_block_reason
        raise _refused("PAYOUT_APPROVAL_BLOCKED", message, actor, facts, words=words)
    if creator.stripe_account_id != payout.stripe_account_id:
        facts |= {"stripeAccountId": payout.stripe_account_id, "currentAccountId": creator.stripe_account_id}
        message = "Le compte Stripe de %(name)s n’est plus celui de la demande."
        words = {"name": creator.name}
        raise _refused("PAYOUT_APPROVAL_NO_STRIPE_ACCOUNT", message, actor, facts, words=words)


def reject_payout(
    session: Session,
    *,
    payout_id: UUID,
    actor: Actor,
    reason: str,
    now: datetime,
    version: int | None = None,
) -> Payout:
    """Refuse a requested payout; its reservation ends with the commit. Raises NotFound or PayoutRefused."""
    log_admin_action("PAYOUT_REJECTION_INITIATED", actor.id, metadata=_by(actor, payout_id))
    reason = clean_reason(reason)
    if not 1 <= len(reason) <= LONGEST_REASON:
        facts = {"payoutId": payout_id, "adminId": actor.id}
        message = "Donnez la raison du rejet, en %(most)s caractères au plus."
        words = {"most": LONGEST_REASON}
        raise _refused("PAYOUT_REJECTION_NO_REASON", message, actor, facts, status=422, words=words)
    payout, _ = _requested(session, payout_id, actor, "PAYOUT_REJECTION", version)
    previous = payout.move_to(PayoutStatus.REJECTED, at=now)
    payout.rejection_reason, payout.decided_by, payout.decided_at = reason, actor.user_id, now
    facts = moved(payout, previous) | {"adminId": actor.id, "rejectionReason": reason}
    log_event(session, payout, "REJECTED", facts)
    return payout


def _requested(
    session: Session, payout_id: UUID, actor: Actor, decision: str, version: int | None
) -> tuple[Payout, Creator]:
    """The locked payout and creator, if the payout still waits for a decision."""
    locked = lock_payout(session, payout_id)
    if locked is None:
        facts = {"payoutId": payout_id, "adminId": actor.id}
        log_error(f"{decision}_NOT_FOUND", LogActor.ADMIN, None, actor.id, facts)
        raise NotFound("Ce payout n’existe pas.", event=f"{decision}_NOT_FOUND")
    payout, _ = locked
    if payout.status is not PayoutStatus.REQUESTED or version not in {None, payout.version}:
        raise _too_late(session, payout, actor, f"{decision}_INVALID_STATUS")
    return locked


def _too_late(session: Session, payout: Payout, actor: Actor, event: str) -> PayoutRefused:
    """Somebody was first: say who, when and what."""
    first = session.get(User, payout.decided_by) if payout.decided_by else None
    facts = payout_facts(payout) | {
        "adminId": actor.id,
        "currentStatus": payout.status,
        "expectedStatus": PayoutStatus.REQUESTED,
        "decidedBy": payout.decided_by,
        "decidedAt": payout.decided_at,
    }
    if first is None or payout.decided_at is None:
        message = "Ce payout a changé depuis l’ouverture : il est maintenant %(state)s."
        return _refused(event, message, actor, facts, words={"state": payout.status})
    message = "%(name)s a déjà décidé de ce payout le %(when)s UTC : il est maintenant %(state)s."
    when = f"{payout.decided_at:%d/%m/%Y %H:%M:%S}"
    words = {"name": first.name, "when": when, "state": payout.status}
    return _refused(event, message, actor, facts, words=words)


def _refused(
    event: str,
    message: str,
    actor: Actor,
    facts: dict[str, Any],
    *,
    status: int = 409,
    words: Mapping[str, object] | None = None,
) -> PayoutRefused:
    """Record the refusal apart and return what to raise."""
    log_error(event, LogActor.ADMIN, None, actor.id, facts)
    return PayoutRefused(message, event=event, status=status, facts=facts, words=words)


def _by(actor: Actor, payout_id: UUID) -> dict[str, Any]:
    return {"payoutId": payout_id, "adminId": actor.id, "adminEmail": actor.email}
