"""People who sign in, and their open sessions."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import SecondFactor, UserSession


def live_sessions(session: Session, user_id: UUID, *, idle: timedelta, now: datetime) -> Sequence[UserSession]:
    """Somebody's open sessions, the last used first."""
    query = select(UserSession).where(
        UserSession.user_id == user_id,
        UserSession.ended_at.is_(None),
        UserSession.expires_at > now,
        UserSession.seen_at > now - idle,
    )
    return session.scalars(query.order_by(UserSession.seen_at.desc(), UserSession.id)).all()


def pending_factor(session: Session, user_id: UUID) -> SecondFactor | None:
    """A second factor that was begun and waits for its first code."""
    factor = session.get(SecondFactor, user_id)
    return factor if factor and factor.secret and factor.confirmed_at is None else None
