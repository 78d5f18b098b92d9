"""What reconciliation looks at, and what it found last: accounts, payouts nobody would check, the four buckets."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import exists, func, select, union
from sqlalchemy.orm import Session

from portal.models import (
    AttemptState,
    Creator,
    JobRun,
    Payout,
    PayoutAttempt,
    PayoutStatus,
    RunState,
)

JOB = "reconcile-stripe"
AT_STRIPE = (PayoutStatus.SUBMITTING, PayoutStatus.PROCESSING, PayoutStatus.REVIEW)
SENT_LATER = (PayoutStatus.APPROVED, PayoutStatus.SUBMITTING)
LIVE = (AttemptState.PREPARED, AttemptState.SENT)


def open_accounts(session: Session) -> Sequence[str]:
    """Accounts with a payout whose end is not known."""
    query = select(Payout.stripe_account_id).where(Payout.status.in_(AT_STRIPE)).distinct()
    return session.scalars(query.order_by(Payout.stripe_account_id)).all()


def known_accounts(session: Session, *, since: datetime) -> Sequence[str]:
    """Every creator's account, and those that were paid out to since."""
    current = select(Creator.stripe_account_id.label("account")).where(Creator.stripe_account_id.is_not(None))
    paid = select(Payout.stripe_account_id).where(Payout.created_at >= since)
    found = union(current, paid).subquery()
    return session.scalars(select(found.c.account).order_by(found.c.account)).all()


def unchecked_payouts(session: Session) -> Sequence[Payout]:
    """Payouts to be sent or being sent that no sweep would ever look at: there should be none."""
    swept = exists().where(
        PayoutAttempt.payout_id == Payout.id,
        PayoutAttempt.state.in_(LIVE),
        PayoutAttempt.next_send_at.is_not(None),
    )
    query = select(Payout).where(Payout.status.in_(SENT_LATER), ~swept)
    return session.scalars(query.order_by(Payout.created_at)).all()


def last_success_started(session: Session) -> datetime | None:
    """When the newest reconciliation that succeeded began."""
    query = select(func.max(JobRun.started_at))
    return session.scalar(query.where(JobRun.job == JOB, JobRun.state == RunState.SUCCEEDED))


def last_comparison(session: Session) -> JobRun | None:
    """The newest run that compared everything."""
    query = select(JobRun).where(JobRun.job == JOB, JobRun.summary.has_key("compare"))
    query = query.order_by(JobRun.started_at.desc()).limit(1)
    return session.scalar(query.execution_options(populate_existing=True))
