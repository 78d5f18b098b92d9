"""First approvals of large payouts that wait for a second one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.models import Payout, PayoutApproval, PayoutAttempt, PayoutStatus, Role, User

UNDECIDED = (PayoutStatus.REQUESTED, PayoutStatus.FAILED, PayoutStatus.RETURNED, PayoutStatus.REVIEW)


@dataclass(frozen=True, slots=True)
class FirstApproval:
    """Who gave the first of two approvals, and when."""

    user_id: UUID
    name: str
    at: datetime


def first_approvals(session: Session, payout_ids: Iterable[UUID]) -> dict[UUID, FirstApproval]:
    """The first approvals that stand, of payouts that wait for the second."""
    ids = set(payout_ids)
    if not ids:
        return {}
    tried = select(func.coalesce(func.max(PayoutAttempt.n), 0)).where(PayoutAttempt.payout_id == Payout.id)
    query = (
        select(Payout.id, User.id, User.name, PayoutApproval.created_at)
        .join(PayoutApproval, PayoutApproval.payout_id == Payout.id)
        .join(User, User.id == PayoutApproval.user_id)
        .where(Payout.id.in_(ids), Payout.status.in_(UNDECIDED), PayoutApproval.withdrawn_at.is_(None))
        .where(PayoutApproval.n == tried.scalar_subquery() + 1)
        .where(User.role == Role.ADMIN, User.disabled_at.is_(None))
    )
    rows = session.execute(query).all()
    return {payout_id: FirstApproval(user_id, name, at) for payout_id, user_id, name, at in rows}
