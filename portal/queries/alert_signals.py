"""What is wrong at this moment, as the database tells it; an empty list when nothing is.

Each look reads a span anew instead of what came after a mark: rows become visible out of their order, and a
mark would pass some by.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import sqrt
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from portal.models import AlertKind, InboxState, Log, LogHourType, LogLevel, Payout, Setting, StripeEvent
from portal.models.job_run import LATE_SETTING
from portal.queries.payout_search import is_stuck

CRITICAL_FOR = timedelta(hours=1)
"""A CRITICAL row keeps its alert open for so long."""
OVERLAP, LONGEST_LOOK = timedelta(minutes=10), timedelta(days=7)
QUARTER, USUAL_OVER = timedelta(minutes=15), timedelta(days=7)
LEAST_ERRORS = 5
OWN = ("ALERT\\_%", "CRON\\_JOB\\_LATE")
"""Types that no alert is made of: what alerts write themselves, and what has an alert of its own."""
IDS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Signal:
    """Something that is wrong: `key` names it, `facts` say how much."""

    key: str
    kind: AlertKind
    facts: Mapping[str, Any] = field(default_factory=dict)


def signals(session: Session, *, now: datetime, looked_at: datetime | None) -> list[Signal]:
    """Everything that is wrong; `looked_at` is when it was last asked, which may be long ago."""
    return [
        *_critical(session, _since(now, looked_at)),
        *_errors(session, now),
        *_late_jobs(session),
        *_stuck_payouts(session, now),
        *_dead_letters(session),
    ]


def _since(now: datetime, looked_at: datetime | None) -> datetime:
    """An hour, or for as long as nobody looked."""
    begin = min(now - CRITICAL_FOR, (looked_at or now) - OVERLAP)
    return max(begin, now - LONGEST_LOOK)


def _not_own() -> list[Any]:
    return [Log.type.not_like(pattern) for pattern in OWN]


def _critical(session: Session, since: datetime) -> list[Signal]:
    counted = func.count().over(partition_by=Log.type).label("n")
    query = select(Log.type, Log.message, Log.created_at, counted).ext(distinct_on(Log.type))
    query = query.where(Log.level == LogLevel.CRITICAL, Log.created_at >= since, *_not_own())
    rows = session.execute(query.order_by(Log.type, Log.created_at.desc()))
    return [
        Signal(
            f"critical:{row.type}"[:200],
            AlertKind.CRITICAL,
            {"type": row.type, "count": row.n, "message": row.message[:300], "lastAt": row.created_at.isoformat()},
        )
        for row in rows
    ]


def _errors(session: Session, now: datetime) -> list[Signal]:
    """Types of error that came more often in a quarter of an hour than is usual for them."""
    errors = Log.level == LogLevel.ERROR
    query = select(Log.type, func.count().label("n")).where(errors, Log.created_at >= now - QUARTER, *_not_own())
    query = query.group_by(Log.type).having(func.count() >= LEAST_ERRORS)
    lately = {row.type: row.n for row in session.execute(query)}
    usual = _usual(session, now, list(lately)) if lately else {}
    return [
        Signal(
            f"errors:{type}"[:200],
            AlertKind.ERRORS,
            {"type": type, "count": n, "usual": round(usual.get(type, 0.0), 1), "minutes": 15},
        )
        for type, n in lately.items()
        if n >= limit_of(usual.get(type, 0.0))
    ]


def limit_of(usual: float) -> float:
    """How many errors of a type in a quarter of an hour are too many: four times the usual, and beyond chance."""
    return max(LEAST_ERRORS, 4 * usual, usual + 4 * sqrt(usual))


def _usual(session: Session, now: datetime, types: list[str]) -> dict[str, float]:
    """How many of each type a quarter of an hour of the last week had; the present hour is left out."""
    until = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    query = select(LogHourType.type, func.sum(LogHourType.n)).where(
        LogHourType.bucket >= until - USUAL_OVER,
        LogHourType.bucket < until,
        LogHourType.level == LogLevel.ERROR,
        LogHourType.type.in_(types),
    )
    quarters = USUAL_OVER / QUARTER
    return {type: float(n) / quarters for type, n in session.execute(query.group_by(LogHourType.type))}


def _late_jobs(session: Session) -> list[Signal]:
    query = select(Setting.name, Setting.value).where(Setting.name.startswith(LATE_SETTING, autoescape=True))
    rows = session.execute(query.order_by(Setting.name))
    found = {name.removeprefix(LATE_SETTING): value for name, value in rows}
    return [
        Signal(f"job:{job}", AlertKind.JOB, {"job": job, "expectedBy": value["expectedBy"]})
        for job, value in found.items()
    ]


def _stuck_payouts(session: Session, now: datetime) -> list[Signal]:
    query = select(func.count(), func.min(Payout.updated_at)).where(is_stuck(now))
    n, oldest = session.execute(query).one()
    if not n:
        return []
    ids = session.scalars(select(Payout.id).where(is_stuck(now)).order_by(Payout.updated_at).limit(IDS_SHOWN))
    facts = {"count": n, "oldest": oldest.isoformat(), "payoutIds": [str(id_) for id_ in ids]}
    return [Signal("payouts:stuck", AlertKind.PAYOUTS, facts)]


def _dead_letters(session: Session) -> list[Signal]:
    query = select(func.count(), func.min(StripeEvent.received_at)).where(StripeEvent.state == InboxState.DEAD)
    n, oldest = session.execute(query).one()
    return [Signal("webhooks:dead", AlertKind.WEBHOOKS, {"count": n, "oldest": oldest.isoformat()})] if n else []
