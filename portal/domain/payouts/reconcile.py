"""Asking Stripe again about payouts that nothing was heard of, and applying what it answers (T8, T12 to T14).

A payout in PROCESSING or REVIEW always has a next check: `next_check_at`, and where that is missing, now.
APPROVED and SUBMITTING have their attempt's `next_send_at`; REQUESTED waits for a person, not for Stripe.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.audit.system_log import log_error, log_warning
from portal.domain.gateway import StripeFailure, StripeGateway, StripePayout
from portal.domain.payouts.facts import lock_payout, moved, payout_facts
from portal.domain.payouts.sending import find_created
from portal.domain.payouts.settlement import settle_payout
from portal.domain.work import Clock, UnitOfWork
from portal.models import LogActor, Payout, PayoutAttempt, PayoutStatus

SOURCE = "reconciliation"
CHECKED = (PayoutStatus.PROCESSING, PayoutStatus.REVIEW)
SOON, LATER = timedelta(hours=1), timedelta(hours=6)
"""How long until the next check: of a payout that moved within a day, and of others."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check of one payout found: whether something changed, or why Stripe did not say."""

    payout_id: UUID
    changed: bool = False
    error: str | None = None


def due_checks(session: Session, *, now: datetime, limit: int = 1000) -> Sequence[UUID]:
    """Payouts whose next check is due, the longest waiting first."""
    due_at = func.coalesce(Payout.next_check_at, Payout.updated_at)
    query = select(Payout.id).where(Payout.status.in_(CHECKED), due_at <= now)
    return session.scalars(query.order_by(due_at).limit(limit)).all()


def check_payout(work: UnitOfWork, gateway: StripeGateway, *, payout_id: UUID, clock: Clock) -> Checked:
    """Read the payout at Stripe and apply its state; whatever comes of it, the next check is set."""
    with work() as session:
        payout = session.get_one(Payout, payout_id)
        account, stripe_id = payout.stripe_account_id, payout.stripe_payout_id
        attempt = _newest_attempt(session, payout_id)
    try:
        seen = _look(gateway, account, stripe_id, attempt)
    except StripeFailure as failure:
        with work() as session:
            _postpone(session, payout_id, clock())
        facts = {"payoutId": payout_id, "stripePayoutId": stripe_id, "stripeAccountId": account}
        log_error("STRIPE_API_ERROR", LogActor.SYSTEM, None, None, facts | failure.facts())
        return Checked(payout_id, error=failure.message)
    with work() as session:
        changed = seen is not None and apply_seen(session, seen, now=clock())
        _postpone(session, payout_id, clock())
    return Checked(payout_id, changed)


def _newest_attempt(session: Session, payout_id: UUID) -> PayoutAttempt | None:
    query = select(PayoutAttempt).where(PayoutAttempt.payout_id == payout_id)
    return session.scalar(query.order_by(PayoutAttempt.n.desc()).limit(1))


def _look(
    gateway: StripeGateway, account: str, stripe_id: str | None, attempt: PayoutAttempt | None
) -> StripePayout | None:
    """The payout by its id at Stripe, or, when none is known, by its attempt in the list."""
    if stripe_id is not None:
        return gateway.retrieve_payout(account, stripe_id)
    if attempt is None or attempt.first_sent_at is None:
        return None
    return find_created(gateway, account, attempt.id, since=attempt.first_sent_at)


def apply_seen(session: Session, seen: StripePayout, *, now: datetime) -> bool:
    """Settle by what Stripe shows, read just now; whether that changed a payout of ours."""
    owner = session.scalar(select(Payout.id).where(Payout.stripe_payout_id == seen.id))
    locked = None if owner is None else lock_payout(session, owner)
    before = None if locked is None else locked[0].status
    payout_id = settle_payout(session, seen, source=SOURCE, stripe_event_id=None, now=now)
    payout = None if payout_id is None else session.get(Payout, payout_id)
    if payout is None or before is payout.status:
        return False
    if before is None:  # adopted by its metadata, which the settlement has told already, if it was
        return payout.stripe_payout_id == seen.id
    facts = payout_facts(payout) | moved(payout, before)
    facts |= {"stripePayoutId": seen.id, "cause": SOURCE}
    log_warning("PAYOUT_RECONCILED", LogActor.SYSTEM, None, payout.creator_id, facts, session=session)
    return True


def _postpone(session: Session, payout_id: UUID, now: datetime) -> None:
    """Set the next check of a payout that still needs one."""
    locked = lock_payout(session, payout_id)
    if locked is None or locked[0].status not in CHECKED:
        return
    payout, _ = locked
    payout.next_check_at = now + (SOON if now - payout.updated_at < timedelta(days=1) else LATER)
