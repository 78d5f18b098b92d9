"""How the inbox of Stripe's events stands: what came, what waits, what was given up."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, true
from sqlalchemy.orm import Session

from portal.models import InboxState, StripeEvent
from portal.queries.webhook_search import LATE

DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class InboxHealth:
    """The counts; `received` and `processed` are of the last 24 hours."""

    received: int
    processed: int
    waiting: int
    late: int
    oldest_waiting: datetime | None
    dead: int


def inbox_health(session: Session, *, now: datetime) -> InboxHealth:
    """One question; each of its counts has an index of its own and reads nothing that is settled and old."""
    done = func.count().filter(StripeEvent.state == InboxState.PROCESSED)
    late = func.count().filter(StripeEvent.received_at < now - LATE)
    came = select(func.count(), done).where(StripeEvent.received_at >= now - DAY)
    waits = select(func.count(), late, func.min(StripeEvent.received_at))
    waits = waits.where(StripeEvent.state == InboxState.RECEIVED)
    dead = select(func.count()).select_from(StripeEvent).where(StripeEvent.state == InboxState.DEAD)
    first, second, third = (query.subquery() for query in (came, waits, dead))
    joined = first.join(second, true()).join(third, true())
    return InboxHealth(*session.execute(select(first, second, third).select_from(joined)).one())
