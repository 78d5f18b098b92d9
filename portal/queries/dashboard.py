"""What the overview answers: what needs somebody now."""

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from portal.models import Payout, PayoutStatus


def count_to_approve(session: Session) -> int:
    """How many payouts wait for a decision."""
    query = select(func.count()).select_from(Payout).where(Payout.status == PayoutStatus.REQUESTED)
    return session.scalar(query) or 0


def database_answers(session: Session) -> bool:
    """Whether the database answers and holds the portal's tables."""
    try:
        session.scalar(select(Payout.id).limit(1))
    except DBAPIError:
        session.rollback()
        return False
    return True
