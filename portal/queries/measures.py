"""What /metrics tells of the database: queues, payouts, jobs and the log, each a few index reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Float, cast, func, select, text
from sqlalchemy.orm import Session

from portal.models import Alert, Log, LogHourType, LogLevel, Payout, PayoutStatus
from portal.queries.webhook_health import InboxHealth, inbox_health

PATIENCE_MS = 3000
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Standing:
    """Payouts of one status: how many, and since when the oldest is in it."""

    count: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Measures:
    """Everything that is read at one scrape; `rows` are all rows of the log ever written, by level."""

    inbox: InboxHealth
    payouts: Mapping[PayoutStatus, Standing]
    rows: Mapping[LogLevel, int]
    open_alerts: int
    size_bytes: int


def measures(session: Session, *, now: datetime) -> Measures:
    """Read them all in the session's transaction; gives up after three seconds a question."""
    session.execute(text(f"set local statement_timeout = {PATIENCE_MS}"))
    return Measures(
        inbox=inbox_health(session, now=now),
        payouts=_payouts(session),
        rows=_rows(session),
        open_alerts=session.scalar(select(func.count()).where(Alert.resolved_at.is_(None))) or 0,
        size_bytes=session.scalar(select(func.pg_database_size(func.current_database()))) or 0,
    )


def _payouts(session: Session) -> dict[PayoutStatus, Standing]:
    query = select(Payout.status, func.count(), func.min(Payout.updated_at)).group_by(Payout.status)
    found = {status: Standing(n, oldest) for status, n, oldest in session.execute(query)}
    return {status: found.get(status, Standing(0, None)) for status in PayoutStatus}


def _rows(session: Session) -> dict[LogLevel, int]:
    """The hours that were counted, and the rows that came since."""
    counted = session.scalar(select(func.max(LogHourType.bucket)))
    before = select(LogHourType.level, cast(func.sum(LogHourType.n), Float)).group_by(LogHourType.level)
    since = select(Log.level, func.count()).group_by(Log.level)
    if counted is not None:
        since = since.where(Log.created_at >= counted + HOUR)
    total = dict.fromkeys(LogLevel, 0)
    for level, n in (*session.execute(before), *session.execute(since)):
        total[level] += int(n)
    return total
