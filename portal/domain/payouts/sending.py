"""Sending a payout: claim and commit, call Stripe with the stored key, record (T6 to T10).

Money moves exactly once because the key and its parameters are stored before they are sent, because
nothing is sent with a key older than 23 hours (Stripe forgets keys after 24), and because an answer
that is not clearly a refusal leaves the payout SUBMITTING until Stripe says which it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.system_log import log_info
from portal.domain.gateway import StripeFailure, StripeGateway, StripePayout
from portal.domain.keys import KEY_AGE_LIMIT, LIST_OVERLAP
from portal.domain.payouts import answers
from portal.domain.payouts.facts import (
    lock_newest_attempt,
    lock_payout,
    log_event,
    moved,
    payout_facts,
    sending_pause,
)
from portal.domain.work import Clock, UnitOfWork
from portal.models import (
    AttemptState,
    Creator,
    LogActor,
    Payout,
    PayoutAttempt,
    PayoutRoute,
    PayoutStatus,
    uuid7,
)

ACCOUNT_CHANGED = "account_changed"
"""The failure code, of our own, of a payout that was cancelled because its creator changed accounts."""

LIVE = (AttemptState.PREPARED, AttemptState.SENT)


@dataclass(frozen=True, slots=True)
class Claim:
    """An attempt that this worker, `holder`, may send until its lease ends."""

    payout_id: UUID
    attempt_id: UUID
    holder: UUID
    account: str
    params: dict[str, Any]
    idempotency_key: str
    first_sent_at: datetime
    sent_before: bool


def due_payouts(session: Session, *, now: datetime, limit: int = 50) -> Sequence[UUID]:
    """Payouts with an attempt to send or to ask about, oldest first."""
    query = select(PayoutAttempt.payout_id).where(PayoutAttempt.state.in_(LIVE), PayoutAttempt.next_send_at <= now)
    return session.scalars(query.order_by(PayoutAttempt.next_send_at).limit(limit)).all()


def send_payout(work: UnitOfWork, gateway: StripeGateway, *, payout_id: UUID, clock: Clock) -> None:
    """Send the payout's live attempt, unless somebody else does; returns with what is known recorded."""
    with work() as session:
        claim = claim_attempt(session, payout_id, lease=gateway.timeout * 2, now=clock())
    if claim is None:
        return
    found, asked = None, False
    try:
        found, asked = _already_created(gateway, claim), True
        created = found or _create(work, gateway, claim, clock)
    except StripeFailure as failure:
        with work() as session:
            answers.record_failure(session, claim.payout_id, claim.holder, failure, of_creation=asked, now=clock())
        return
    with work() as session:
        _record(session, claim, created, cause="list" if found else None, now=clock())


def claim_attempt(session: Session, payout_id: UUID, *, lease: timedelta, now: datetime) -> Claim | None:
    """T6 or T7: take the live attempt for `lease`, or None when there is nothing to send now."""
    locked = lock_payout(session, payout_id)
    attempt = lock_newest_attempt(session, payout_id)
    if locked is None or attempt is None or not _is_due(attempt, now):
        return None
    payout, creator = locked
    sent_before = attempt.state is AttemptState.SENT
    if not sent_before and not _first_send(session, payout, creator, attempt, now):
        return None
    return _lease(payout, attempt, sent_before, until=now + lease, now=now)


def _is_due(attempt: PayoutAttempt, now: datetime) -> bool:
    waiting = attempt.next_send_at is not None and attempt.next_send_at > now
    leased = attempt.lease_until is not None and attempt.lease_until > now
    return attempt.state in LIVE and not waiting and not leased


def _first_send(session: Session, payout: Payout, creator: Creator, attempt: PayoutAttempt, now: datetime) -> bool:
    """T6's guards: a pause or a block keeps the payout APPROVED, another account cancels it."""
    if payout.status is not PayoutStatus.APPROVED:
        return False
    if sending_pause(session) is not None or creator.is_payout_blocked:
        return False
    if creator.stripe_account_id != payout.stripe_account_id:
        _cancel_for_other_account(session, payout, attempt, now)
        return False
    payout.move_to(PayoutStatus.SUBMITTING, at=now)
    attempt.state = AttemptState.SENT
    attempt.first_sent_at = now
    _log_creation(session, payout)
    return True


def _lease(payout: Payout, attempt: PayoutAttempt, sent_before: bool, *, until: datetime, now: datetime) -> Claim:
    attempt.lease_holder = uuid7()
    attempt.lease_until = attempt.next_send_at = until
    attempt.last_sent_at = now
    attempt.send_count += 1
    return Claim(
        payout_id=payout.id,
        attempt_id=attempt.id,
        holder=attempt.lease_holder,
        account=payout.stripe_account_id,
        params=dict(attempt.params),
        idempotency_key=attempt.idempotency_key,
        first_sent_at=attempt.first_sent_at or now,
        sent_before=sent_before,
    )


def _already_created(gateway: StripeGateway, claim: Claim) -> StripePayout | None:
    """What an earlier sending of this attempt left at Stripe, whatever it answered then."""
    if not claim.sent_before:
        return None
    return find_created(gateway, claim.account, claim.attempt_id, since=claim.first_sent_at)


def _create(work: UnitOfWork, gateway: StripeGateway, claim: Claim, clock: Clock) -> StripePayout | None:
    """The payout just created, or None when this worker may no longer send."""
    with work() as session:
        if not _may_post(session, claim, clock()):
            return None
    return gateway.create_payout(claim.account, claim.params, claim.idempotency_key)


def find_created(
    gateway: StripeGateway, account: str, attempt_id: UUID, *, since: datetime
) -> StripePayout | None:
    """The payout that Stripe created for an attempt: the list has no metadata filter, so every page is read."""
    listed = gateway.list_payouts(account, since - LIST_OVERLAP)
    return next((p for p in listed if p.metadata.get("attempt_id") == str(attempt_id)), None)


def _may_post(session: Session, claim: Claim, now: datetime) -> bool:
    """Once more right before the POST: the lease is still ours, the attempt live, the key young enough."""
    attempt = session.get(PayoutAttempt, claim.attempt_id, populate_existing=True)
    return (
        attempt is not None
        and attempt.state is AttemptState.SENT
        and attempt.lease_holder == claim.holder
        and attempt.lease_until is not None
        and attempt.lease_until > now
        and now - claim.first_sent_at < KEY_AGE_LIMIT
    )


def _record(
    session: Session, claim: Claim, created: StripePayout | None, *, cause: str | None, now: datetime
) -> None:
    if created is not None:
        answers.record_created(session, claim.payout_id, created, cause=cause, now=now)
    elif now - claim.first_sent_at >= KEY_AGE_LIMIT:
        answers.record_lost(session, claim.payout_id, claim.holder, now=now)


def _log_creation(session: Session, payout: Payout) -> None:
    facts = payout_facts(payout) | {"stripeAccountId": payout.stripe_account_id}
    if payout.route is PayoutRoute.REVIEW:
        type, facts["adminId"] = "PAYOUT_APPROVAL_STRIPE_CREATION", payout.decided_by
    else:
        type = "PAYOUT_REQUEST_STRIPE_CREATION"
    log_info(type, LogActor.SYSTEM, None, payout.creator_id, facts, session=session)


def _cancel_for_other_account(session: Session, payout: Payout, attempt: PayoutAttempt, now: datetime) -> None:
    previous = payout.move_to(PayoutStatus.CANCELED, at=now)
    payout.failure_code = ACCOUNT_CHANGED
    attempt.state = AttemptState.ABANDONED
    facts = moved(payout, previous) | {"stripePayoutId": None, "source": "stripe_account_changed"}
    log_event(session, payout, "CANCELED", facts)
