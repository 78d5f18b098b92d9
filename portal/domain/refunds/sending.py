"""Sending a refund: claim and commit, call Stripe with the stored key, record; the payouts' protocol.

What may have reached Stripe is looked for in the payment's list before it is sent again. A key is never used
when older than 23 hours: by then the list is the whole truth, and what it does not show was never made.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.system_log import log_error
from portal.domain.gateway import StripeFailure, StripeGateway, StripeRefund, Verdict
from portal.domain.keys import KEY_AGE_LIMIT, LIST_OVERLAP, next_sending
from portal.domain.refunds.facts import lock_refund, refund_facts
from portal.domain.refunds.settlement import Told, finish_refund, settle_refund
from portal.domain.work import Clock, UnitOfWork
from portal.models import LogActor, Refund, RefundStatus, uuid7

SETTLES_WITHIN = timedelta(minutes=15)
NEVER_MADE = "not_created"
SOURCE = "stripe_api"


@dataclass(frozen=True, slots=True)
class Claim:
    """A refund that this worker, `holder`, may send until its lease ends."""

    refund_id: UUID
    holder: UUID
    params: dict[str, Any]
    idempotency_key: str
    first_sent_at: datetime
    previous_sent_at: datetime | None


def due_refunds(session: Session, *, now: datetime, limit: int = 50) -> Sequence[UUID]:
    """Refunds to send or to ask about, oldest first."""
    query = select(Refund.id).where(Refund.next_send_at <= now)
    return session.scalars(query.order_by(Refund.next_send_at).limit(limit)).all()


def send_refund(work: UnitOfWork, gateway: StripeGateway, *, refund_id: UUID, clock: Clock) -> None:
    """Send a stored refund, unless somebody else does; returns with what is known recorded."""
    with work() as session:
        claim = _claim(session, refund_id, lease=gateway.timeout * 2, now=clock())
    if claim is None:
        return
    looked = False
    try:
        created, looked = _already_created(gateway, claim), True
        created = created or _create(work, gateway, claim, clock)
    except StripeFailure as failure:
        with work() as session:
            _record_failure(session, claim, failure, of_creation=looked, now=clock())
        return
    with work() as session:
        _record(session, claim, created, clock())


def _claim(session: Session, refund_id: UUID, *, lease: timedelta, now: datetime) -> Claim | None:
    locked = lock_refund(session, refund_id)
    if locked is None:
        return None
    refund, _ = locked
    if refund.next_send_at is None or refund.next_send_at > now or refund.status is not RefundStatus.PENDING:
        return None
    previous = refund.last_sent_at
    refund.lease_holder, refund.lease_until = uuid7(), now + lease
    refund.next_send_at, refund.last_sent_at = refund.lease_until, now
    refund.first_sent_at = refund.first_sent_at or now
    refund.send_count += 1
    return Claim(
        refund_id=refund.id,
        holder=refund.lease_holder,
        params=dict(refund.params or {}),
        idempotency_key=refund.idempotency_key or "",
        first_sent_at=refund.first_sent_at,
        previous_sent_at=previous,
    )


def _already_created(gateway: StripeGateway, claim: Claim) -> StripeRefund | None:
    """What an earlier sending left at Stripe, whatever it answered then."""
    if claim.previous_sent_at is None:
        return None
    listed = gateway.list_refunds(claim.params["payment_intent"], claim.first_sent_at - LIST_OVERLAP)
    return next((r for r in listed if r.metadata.get("refund_id") == str(claim.refund_id)), None)


def _create(work: UnitOfWork, gateway: StripeGateway, claim: Claim, clock: Clock) -> StripeRefund | None:
    """The refund just created, or None when this worker may no longer send."""
    with work() as session:
        refund = session.get_one(Refund, claim.refund_id, populate_existing=True)
        if not _may_post(refund, claim, clock()):
            return None
    return gateway.create_refund(claim.params, claim.idempotency_key)


def _may_post(refund: Refund, claim: Claim, now: datetime) -> bool:
    """Once more right before the POST: the lease is still ours, nobody settled it, the key is young enough."""
    return (
        refund.status is RefundStatus.PENDING
        and refund.stripe_refund_id is None
        and refund.lease_holder == claim.holder
        and refund.lease_until is not None
        and refund.lease_until > now
        and now - claim.first_sent_at < KEY_AGE_LIMIT
    )


def _record(session: Session, claim: Claim, created: StripeRefund | None, now: datetime) -> None:
    told = Told(SOURCE, None, now)
    if created is not None:
        settle_refund(session, created, told)
        return
    locked = lock_refund(session, claim.refund_id)
    if locked is None or not _is_waiting(locked[0], claim) or now - claim.first_sent_at < KEY_AGE_LIMIT:
        return
    sent = claim.previous_sent_at
    if sent is not None and now - sent < SETTLES_WITHIN:
        locked[0].next_send_at = now + SETTLES_WITHIN  # sooner, this look would count as a fresh sending for ever
        return
    finish_refund(session, *locked, RefundStatus.FAILED, NEVER_MADE, told)


def _is_waiting(refund: Refund, claim: Claim) -> bool:
    held = refund.lease_holder == claim.holder and refund.stripe_refund_id is None
    return held and refund.status is RefundStatus.PENDING


def _record_failure(
    session: Session, claim: Claim, failure: StripeFailure, *, of_creation: bool, now: datetime
) -> None:
    """Failed on a definite refusal of the creation; otherwise the refund waits for its next turn, same key."""
    locked = lock_refund(session, claim.refund_id)
    if locked is None or not _is_waiting(locked[0], claim):
        return
    refund, payment = locked
    facts = refund_facts(session, refund, payment) | failure.facts()
    if of_creation and failure.verdict is Verdict.REFUSED:
        log_error("STRIPE_API_ERROR", LogActor.SYSTEM, None, None, facts, session=session)
        why = failure.code or failure.type
        finish_refund(session, refund, payment, RefundStatus.FAILED, why, Told(SOURCE, None, now))
        return
    refund.lease_until = None
    refund.next_send_at = next_sending(now, refund.send_count)
    facts["nextCheckAt"] = refund.next_send_at
    log_error("STRIPE_API_ERROR", LogActor.SYSTEM, None, None, facts, session=session)
