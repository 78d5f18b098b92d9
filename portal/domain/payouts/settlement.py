"""What Stripe says of a payout after its creation, re-read from Stripe: T8 by webhook, T12 to T14."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.audit.system_log import log_warning
from portal.audit.transaction_log import log_payout
from portal.domain.gateway import StripePayout
from portal.domain.payouts.answers import failure_facts, log_money_failed, record_created
from portal.domain.payouts.facts import amount_of, lock_payout, log_event, moved
from portal.models import Creator, LogActor, Payout, PayoutAttempt, PayoutStatus, TransactionEventType
from portal.models.currency import to_decimal

AFTER = {
    ("paid", PayoutStatus.PROCESSING): PayoutStatus.PAID,
    ("failed", PayoutStatus.PROCESSING): PayoutStatus.FAILED,
    ("failed", PayoutStatus.PAID): PayoutStatus.RETURNED,
    ("canceled", PayoutStatus.PROCESSING): PayoutStatus.CANCELED,
}
"""What Stripe's word means for the status a payout has; any other pair changes nothing."""


def settle_payout(
    session: Session,
    seen: StripePayout,
    *,
    source: str,
    stripe_event_id: str | None,
    now: datetime,
    admin_id: str | None = None,
) -> UUID | None:
    """Apply the state that Stripe shows; the payout's id, or None when it is none of ours.

    `seen` must have been read from Stripe, not from an event: events come late and unordered. What an
    earlier attempt left at Stripe says nothing of the payout any more.
    """
    payout_id = _owner(session, seen)
    if payout_id is None:
        _log_unmatched(session, seen)
        return None
    if not _is_superseded(session, payout_id, seen):
        record_created(session, payout_id, seen, cause=source, now=now)
    locked = lock_payout(session, payout_id)
    if locked is not None and locked[0].stripe_payout_id == seen.id:
        told = _Told(source, stripe_event_id, admin_id, now)
        _apply(session, locked[0], seen, told)
    return payout_id


@dataclass(frozen=True, slots=True)
class _Told:
    """How the state came to be known, and when."""

    source: str
    stripe_event_id: str | None
    admin_id: str | None
    now: datetime

    def facts(self) -> dict[str, object]:
        by_admin: dict[str, object] = {"adminId": self.admin_id} if self.admin_id else {}
        return {"source": self.source, **by_admin}


def _is_superseded(session: Session, payout_id: UUID, seen: StripePayout) -> bool:
    """Whether `seen` belongs to an attempt that a newer one has replaced."""
    newest = select(func.max(PayoutAttempt.n)).where(PayoutAttempt.payout_id == payout_id).scalar_subquery()
    query = select(PayoutAttempt.id).where(
        PayoutAttempt.payout_id == payout_id,
        PayoutAttempt.stripe_payout_id == seen.id,
        PayoutAttempt.n < newest,
    )
    return session.scalar(query) is not None


def _owner(session: Session, seen: StripePayout) -> UUID | None:
    by_id = session.scalar(select(Payout.id).where(Payout.stripe_payout_id == seen.id))
    if by_id is not None:
        return by_id
    try:
        named = UUID(seen.metadata.get("payout_id", ""))
    except ValueError:
        return None
    return session.scalar(select(Payout.id).where(Payout.id == named, Payout.stripe_account_id == seen.account))


def _apply(session: Session, payout: Payout, seen: StripePayout, told: _Told) -> None:
    payout.arrival_at = seen.arrival_at
    status = AFTER.get((seen.status, payout.status))
    if status is None:
        return
    facts = moved(payout, payout.move_to(status, at=told.now)) | told.facts()
    payout.next_check_at = None
    if status is PayoutStatus.PAID:
        _log_paid(session, payout, facts, told)
    elif status is PayoutStatus.CANCELED:
        log_event(session, payout, "CANCELED", facts | {"stripePayoutId": seen.id})
    else:
        payout.failure_code, payout.failure_message = seen.failure_code, seen.failure_message
        event = "FAILED" if status is PayoutStatus.FAILED else "RETURNED"
        log_event(session, payout, event, facts | failure_facts(payout, told.source, told.now))
        log_money_failed(session, payout, seen.failure_message or "", stripe_event_id=told.stripe_event_id)


def _log_paid(session: Session, payout: Payout, facts: dict[str, object], told: _Told) -> None:
    payout.paid_at = told.now
    facts |= {"stripePayoutId": payout.stripe_payout_id, "paidAt": told.now}
    log_event(session, payout, "PAID", facts)
    log_payout(
        TransactionEventType.PAYOUT_PAID,
        payout_id=payout.id,
        creator_id=payout.creator_id,
        amount=amount_of(payout),
        currency=payout.currency,
        status=payout.status,
        stripe_payout_id=payout.stripe_payout_id,
        stripe_event_id=told.stripe_event_id,
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
