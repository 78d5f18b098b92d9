"""An admin sends a failed, returned or lost payout again, as a new attempt with a new key (T11)."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from portal.audit.actor import Actor
from portal.audit.system_log import log_admin_action, log_error
from portal.domain.errors import NotFound, PayoutRefused
from portal.domain.gateway import StripeFailure, StripeGateway, StripePayout
from portal.domain.keys import LIST_OVERLAP
from portal.domain.payouts.attempts import prepare_attempt
from portal.domain.payouts.facts import has_open, lock_newest_attempt, lock_payout, payout_facts
from portal.domain.payouts.review import refuse_approval
from portal.domain.payouts.sending import send_payout
from portal.domain.payouts.settlement import settle_payout
from portal.domain.payouts.two_admins import waits_for_second
from portal.domain.reason import REASON_LENGTHS, REASON_WANTED, clean_reason, is_reason
from portal.domain.work import Clock, UnitOfWork
from portal.models import LogActor, Payout, PayoutAttempt, PayoutStatus

RETRIED = (PayoutStatus.FAILED, PayoutStatus.RETURNED, PayoutStatus.REVIEW)
QUIET = timedelta(minutes=15)
DEAD_AT_STRIPE = ("failed", "canceled")


def retry_payout(
    work: UnitOfWork,
    gateway: StripeGateway,
    *,
    payout_id: UUID,
    actor: Actor,
    reason: str,
    clock: Clock,
    two_above: Decimal | None = None,
) -> bool:
    """Authorise attempt n+1 and send it; refused while anything of the payout lives. Raises PayoutRefused.

    False when this was the first of the two approvals that are needed above `two_above`: nothing was sent.
    """
    reason = clean_reason(reason)
    with work() as session:
        payout = _retried(session, payout_id, actor, reason, clock())
        account, since = payout.stripe_account_id, payout.created_at - LIST_OVERLAP
    alive = _alive_at_stripe(gateway, payout, account, since)
    authorised = False
    with work() as session:
        if alive is None:
            authorised = _authorise(session, payout_id, actor, reason, gateway.api_version, clock(), two_above)
        else:
            settle_payout(session, alive, source="list", stripe_event_id=None, now=clock())
    if alive is not None:
        message = "Stripe a déjà un payout vivant pour cette demande (%(id)s) : rien n’a été renvoyé."
        raise _refused(payout, actor, message, {"id": alive.id})
    if authorised:
        send_payout(work, gateway, payout_id=payout_id, clock=clock)
    return authorised


def _retried(session: Session, payout_id: UUID, actor: Actor, reason: str, now: datetime) -> Payout:
    """The locked payout, if the guards of T11 that need no call let it be sent again."""
    locked = lock_payout(session, payout_id)
    attempt = lock_newest_attempt(session, payout_id)
    if locked is None:
        raise NotFound("Ce payout n’existe pas.", event="PAYOUT_APPROVAL_NOT_FOUND")
    payout, creator = locked
    if not is_reason(reason):
        event = "PAYOUT_APPROVAL_INVALID_STATUS"
        raise PayoutRefused(REASON_WANTED, event=event, status=422, words=REASON_LENGTHS)
    if payout.status not in RETRIED:
        message = "Ce payout ne peut pas être renvoyé : il est maintenant %(state)s."
        raise _refused(payout, actor, message, {"state": payout.status})
    if has_open(session, payout.creator_id, payout.currency, besides=payout.id):
        message = "Ce créateur a déjà un autre payout en cours en %(currency)s."
        raise _refused(payout, actor, message, {"currency": payout.currency})
    refuse_approval(payout, creator, actor)
    _refuse_unsettled(payout, attempt, actor, now)
    return payout


def _refuse_unsettled(payout: Payout, attempt: PayoutAttempt | None, actor: Actor, now: datetime) -> None:
    """A sending that may still be on its way to Stripe is given time to arrive."""
    if attempt is None or attempt.last_sent_at is None:
        return
    leased = attempt.lease_until is not None and attempt.lease_until > now
    if leased or now - attempt.last_sent_at < QUIET:
        message = "Attendez le %(when)s UTC : le dernier envoi pourrait encore arriver chez Stripe."
        when = attempt.last_sent_at + QUIET
        raise _refused(payout, actor, message, {"when": f"{when:%d/%m/%Y %H:%M}"})


def _alive_at_stripe(gateway: StripeGateway, payout: Payout, account: str, since: datetime) -> StripePayout | None:
    """A payout of this id that Stripe has not failed or cancelled: the list has no metadata filter."""
    try:
        listed = gateway.list_payouts(account, since)
    except StripeFailure as failure:
        facts = payout_facts(payout) | failure.facts()
        log_error("STRIPE_API_ERROR", LogActor.SYSTEM, None, payout.creator_id, facts)
        message = "Stripe ne répond pas : sans sa liste, rien n’est renvoyé."
        raise PayoutRefused(message, event="STRIPE_API_ERROR", status=502) from failure
    mine = (seen for seen in listed if seen.metadata.get("payout_id") == str(payout.id))
    return next((seen for seen in mine if seen.status not in DEAD_AT_STRIPE), None)


def _authorise(
    session: Session,
    payout_id: UUID,
    actor: Actor,
    reason: str,
    api_version: str,
    now: datetime,
    two_above: Decimal | None,
) -> bool:
    payout = _retried(session, payout_id, actor, reason, now)
    attempt = lock_newest_attempt(session, payout_id)
    n = attempt.n + 1 if attempt else 1
    if waits_for_second(session, payout, actor, n=n, above=two_above, now=now):
        return False
    previous = payout.move_to(PayoutStatus.APPROVED, at=now)
    payout.decided_by, payout.decided_at = actor.user_id, now
    payout.stripe_payout_id = payout.failure_code = payout.failure_message = None
    payout.arrival_at = payout.paid_at = None
    session.flush()
    prepare_attempt(session, payout, n=n, api_version=api_version, now=now)
    facts = payout_facts(payout) | {"adminId": actor.id, "attempt": n, "reason": reason}
    facts["previousStatus"] = previous
    log_admin_action("PAYOUT_RETRY_AUTHORIZED", actor.id, metadata=facts, session=session)
    return True


def _refused(payout: Payout, actor: Actor, message: str, words: dict[str, Any]) -> PayoutRefused:
    facts = payout_facts(payout) | {"adminId": actor.id, "currentStatus": payout.status}
    facts["expectedStatus"] = "|".join(RETRIED)
    log_error("PAYOUT_APPROVAL_INVALID_STATUS", LogActor.ADMIN, None, actor.id, facts)
    return PayoutRefused(message, event="PAYOUT_APPROVAL_INVALID_STATUS", facts=facts, words=words)
