"""What Stripe says of a payout after its creation, re-read from Stripe: T8 by webhook, T12 to T14."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.system_log import log_warning
from portal.audit.transaction_log import log_payout
from portal.domain.gateway import StripePayout
from portal.domain.payouts.answers import failure_facts, log_money_failed, record_created
from portal.domain.payouts.facts import amount_of, lock_payout, log_event, moved
from portal.models import Creator, LogActor, Payout, PayoutStatus, TransactionEventType
from portal.models.currency import to_decimal

AFTER = {
    ("paid", PayoutStatus.PROCESSING): PayoutStatus.PAID,
    ("failed", PayoutStatus.PROCESSING): PayoutStatus.FAILED,
    ("failed", PayoutStatus.PAID): PayoutStatus.RETURNED,
    ("canceled", PayoutStatus.PROCESSING): PayoutStatus.CANCELED,
}
"""What Stripe's word means for the status a payout has; any other pair changes nothing."""


def settle_payout(
    session: Session, seen: StripePayout, *, source: str, stripe_event_id: str | None, now: datetime
) -> UUID | None:
    """Apply the state that Stripe shows; the payout's id, or None when it is none of ours.

    `seen` must have been read from Stripe, not from an event: events come late and unordered.
    """
    payout_id = _owner(session, seen)
    if payout_id is None:
        _log_unmatched(session, seen)
        return None
    record_created(session, payout_id, seen, cause=source, now=now)
    locked = lock_payout(session, payout_id)
    if locked is not None and locked[0].stripe_payout_id == seen.id:
        _apply(session, locked[0], seen, source=source, stripe_event_id=stripe_event_id, now=now)
    return payout_id


def _owner(session: Session, seen: StripePayout) -> UUID | None:
    by_id = session.scalar(select(Payout.id).where(Payout.stripe_payout_id == seen.id))
    if by_id is not None:
        return by_id
    try:
        named = UUID(seen.metadata.get("payout_id", ""))
    except ValueError:
        return None
    return session.scalar(select(Payout.id).where(Payout.id == named, Payout.stripe_account_id == seen.account))


def _apply(
    session: Session,
    payout: Payout,
    seen: StripePayout,
    *,
    source: str,
    stripe_event_id: str | None,
    now: datetime,
) -> None:
    payout.arrival_at = seen.arrival_at
    status = AFTER.get((seen.status, payout.status))
    if status is None:
        return
    previous = payout.move_to(status, at=now)
    payout.next_check_at = None
    if status is PayoutStatus.PAID:
        payout.paid_at = now
        _log_paid(session, payout, moved(payout, previous) | {"source": source}, stripe_event_id, now)
    elif status is PayoutStatus.CANCELED:
        facts = moved(payout, previous) | {"stripePayoutId": seen.id, "source": source}
        log_event(session, payout, "CANCELED", facts)
    else:
        payout.failure_code, payout.failure_message = seen.failure_code, seen.failure_message
        facts = moved(payout, previous) | failure_facts(payout, source, now)
        log_event(session, payout, "FAILED" if status is PayoutStatus.FAILED else "RETURNED", facts)
        log_money_failed(session, payout, seen.failure_message or "", stripe_event_id=stripe_event_id)


def _log_paid(
    session: Session, payout: Payout, facts: dict[str, object], stripe_event_id: str | None, now: datetime
) -> None:
    log_event(session, payout, "PAID", facts | {"stripePayoutId": payout.stripe_payout_id, "paidAt": now})
    log_payout(
        TransactionEventType.PAYOUT_PAID,
        payout_id=payout.id,
        creator_id=payout.creator_id,
        amount=amount_of(payout),
        currency=payout.currency,
        status=payout.status,
        stripe_payout_id=payout.stripe_payout_id,
        stripe_event_id=stripe_event_id,
        session=session,
    )


def _log_unmatched(session: Session, seen: StripePayout) -> None:
    creator_id = session.scalar(select(Creator.id).where(Creator.stripe_account_id == seen.account))
    facts = {
        "stripePayoutId": seen.id,
        "stripeAccountId": seen.account,
        "amount": to_decimal(seen.amount_minor, seen.currency),
        "currency": seen.currency,
        "creatorId": creator_id,
    }
    log_warning("STRIPE_PAYOUT_UNMATCHED", LogActor.SYSTEM, None, creator_id, facts, session=session)
