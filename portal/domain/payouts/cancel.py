"""Stopping a payout: withdrawn or cancelled before it is sent (T5), at Stripe while it is pending (T15)."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from portal.audit.actor import Actor
from portal.audit.system_log import log_error
from portal.domain.errors import NotFound, PayoutRefused
from portal.domain.gateway import StripeFailure, StripeGateway
from portal.domain.payouts.facts import lock_newest_attempt, lock_payout, log_event, moved, payout_facts
from portal.domain.payouts.settlement import settle_payout
from portal.domain.work import Clock, UnitOfWork
from portal.models import AttemptState, LogActor, Payout, PayoutStatus

CANCELABLE = (PayoutStatus.REQUESTED, PayoutStatus.APPROVED)


def withdraw_payout(session: Session, *, payout_id: UUID, creator_id: UUID, actor: Actor, clock: Clock) -> None:
    """The creator takes a payout back before it is sent. Raises NotFound (also when it is another's)."""
    _cancel_unsent(session, payout_id, actor, clock, creator_id=creator_id)


def cancel_payout(
    work: UnitOfWork, gateway: StripeGateway, *, payout_id: UUID, actor: Actor, clock: Clock
) -> None:
    """An admin cancels a payout: unsent at once, sent as long as Stripe has it pending. Raises PayoutRefused."""
    with work() as session:
        locked = lock_payout(session, payout_id)
        if locked is None:
            raise NotFound("Ce payout n’existe pas.", event="PAYOUT_CANCELED")
        payout, _ = locked
        if payout.status is not PayoutStatus.PROCESSING:
            _cancel_unsent(session, payout_id, actor, clock)
            return
        account, stripe_id = payout.stripe_account_id, payout.stripe_payout_id or ""
    try:
        seen = gateway.retrieve_payout(account, stripe_id)
        if seen.status == "pending":
            seen = gateway.cancel_payout(account, stripe_id)
    except StripeFailure as failure:
        raise _stripe_refused(payout, actor, failure) from failure
    with work() as session:
        settle_payout(session, seen, source="admin", stripe_event_id=None, now=clock(), admin_id=actor.id)
    if seen.status != "canceled":
        message = "Stripe a déjà transmis ce payout à la banque : il ne peut plus être annulé."
        raise PayoutRefused(message, event="PAYOUT_CANCELED", facts={"stripeStatus": seen.status})


def _cancel_unsent(
    session: Session, payout_id: UUID, actor: Actor, clock: Clock, *, creator_id: UUID | None = None
) -> None:
    locked = lock_payout(session, payout_id)
    attempt = lock_newest_attempt(session, payout_id)
    if locked is None or creator_id not in {None, locked[1].id}:
        raise NotFound("Ce payout n’existe pas.", event="PAYOUT_CANCELED")
    payout, _ = locked
    unsent = attempt is None or attempt.state is not AttemptState.SENT
    if payout.status not in CANCELABLE or not unsent:
        message = "Ce payout ne peut plus être annulé : il est maintenant %(state)s."
        raise PayoutRefused(message, event="PAYOUT_CANCELED", words={"state": payout.status})
    previous = payout.move_to(PayoutStatus.CANCELED, at=clock())
    if attempt is not None and attempt.state is AttemptState.PREPARED:
        attempt.state, attempt.next_send_at = AttemptState.ABANDONED, None
    log_event(session, payout, "CANCELED", moved(payout, previous) | {"stripePayoutId": None} | _by(actor))


def _by(actor: Actor) -> dict[str, Any]:
    if actor.kind is LogActor.ADMIN:
        return {"source": "admin", "adminId": actor.id}
    return {"source": "creator", "canceledBy": actor.id}


def _stripe_refused(payout: Payout, actor: Actor, failure: StripeFailure) -> PayoutRefused:
    facts = payout_facts(payout) | failure.facts() | {"adminId": actor.id}
    log_error("STRIPE_API_ERROR", LogActor.SYSTEM, None, payout.creator_id, facts)
    message = "Stripe n’a pas annulé ce payout : %(reason)s"
    return PayoutRefused(message, event="STRIPE_API_ERROR", status=502, words={"reason": failure.message})
