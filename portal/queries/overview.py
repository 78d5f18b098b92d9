"""What the overview counts: payouts in trouble, errors against their usual, disputes, days of payouts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, literal, or_, select, true, union_all
from sqlalchemy.orm import Session

from portal.models import Creator, Dispute, Log, LogHourType, LogLevel, Payout, PayoutStatus
from portal.queries.complaint_search import TO_ANSWER
from portal.queries.payout_search import is_stuck

FAILED_WITHIN = timedelta(days=7)
HOUR, DAY = timedelta(hours=1), timedelta(hours=24)
USUAL_DAYS = 7
BAD = (LogLevel.ERROR, LogLevel.CRITICAL)
FEWEST_RISING, TIMES_RISING = 5, 2
"""Errors of a type rise when there are so many of them, and more than so many times the usual."""
DAYS_DRAWN = 30
LONGEST_LIFE = timedelta(days=30)
"""Hardly a payout is older than that when it is paid: so far back the days are looked for."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Payouts that failed lately or stand still, creators who cannot be paid as agreed, disputes to answer.

    Disputes are ours to answer until the bank reviews them; `first_due` is until when the first one can be.
    """

    failed: int
    stuck: int
    blocked_creators: int
    unmanaged_schedules: int
    disputes: int
    first_due: datetime | None


def trouble(session: Session, *, now: datetime) -> Trouble:
    """The counts behind the overview's warnings."""
    failed = Payout.status.in_((PayoutStatus.FAILED, PayoutStatus.RETURNED)) & (
        Payout.updated_at >= now - FAILED_WITHIN
    )
    payouts = select(func.count().filter(failed), func.count().filter(is_stuck(now))).select_from(Payout)
    schedule = Creator.stripe_schedule_interval != "manual"
    people = select(func.count().filter(Creator.is_payout_blocked), func.count().filter(schedule))
    open_ = Dispute.closed_at.is_(None), Dispute.status.in_(TO_ANSWER)
    disputes = select(func.count(), func.min(Dispute.evidence_due_at)).select_from(Dispute).where(*open_)
    late, held, due = (
        query.subquery()
        for query in (payouts.where(or_(failed, is_stuck(now))), people.select_from(Creator), disputes)
    )
    joined = late.join(held, true()).join(due, true())
    return Trouble(*session.execute(select(late, held, due).select_from(joined)).one())


@dataclass(frozen=True, slots=True)
class ErrorType:
    """How often a type of error came in 24 hours, and usually does; None where nothing is known yet."""

    type: str
    level: LogLevel
    count: int
    usual: float | None
    last: datetime

    @property
    def rises(self) -> bool:
        """Whether there are clearly more than usual."""
        return self.usual is not None and self.count >= FEWEST_RISING and self.count > TIMES_RISING * self.usual

    @property
    def is_new(self) -> bool:
        """Whether the week before had none."""
        return self.usual == 0


@dataclass(frozen=True, slots=True)
class Errors:
    """The errors of 24 hours: by type, the worst and most frequent first, and by hour, the oldest first."""

    types: Sequence[ErrorType]
    hours: Sequence[tuple[datetime, Mapping[str, int]]]

    @property
    def total(self) -> int:
        """How many there were."""
        return sum(error.count for error in self.types)


def errors_of_a_day(session: Session, *, now: datetime) -> Errors:
    """Rows of the last 24 hours, beside the counts of the seven days before."""
    hour = func.date_trunc("hour", Log.created_at, "UTC")
    query = select(Log.type, Log.level, hour, func.count(), func.max(Log.created_at))
    query = query.where(Log.level.in_(BAD), Log.created_at >= now - DAY).group_by(Log.type, Log.level, hour)
    rows = session.execute(query).all()
    usual = _usual(session, now)
    found: dict[tuple[LogLevel, str], tuple[int, datetime]] = {}
    first = now.replace(minute=0, second=0, microsecond=0) - 23 * HOUR
    hours: dict[datetime, dict[str, int]] = {first + n * HOUR: {} for n in range(24)}
    for type_, level, at, n, last in rows:
        before, latest = found.get((level, type_), (0, last))
        found[level, type_] = before + n, max(latest, last)
        bar = hours[max(at.astimezone(now.tzinfo), first)]
        bar[level] = bar.get(level, 0) + n
    types = [ErrorType(type_, level, n, usual(level, type_), last) for (level, type_), (n, last) in found.items()]
    types.sort(key=lambda error: (error.level is not LogLevel.CRITICAL, not error.rises, -error.count, error.type))
    return Errors(types, sorted(hours.items()))


class _Usual:
    """How many errors of a type a day of the week before had, on average over the days that were counted."""

    def __init__(self, sums: Mapping[tuple[LogLevel, str], int], days: float) -> None:
        self.sums, self.days = sums, days

    def __call__(self, level: LogLevel, type_: str) -> float | None:
        return self.sums.get((level, type_), 0) / self.days if self.days >= 1 else None


def _usual(session: Session, now: datetime) -> _Usual:
    """Read from the hourly counts; one of their rows says since when there are any."""
    since = now - DAY - timedelta(days=USUAL_DAYS)
    hours = LogHourType
    counted = select(hours.level, hours.type, func.sum(hours.n), literal(None, hours.bucket.type).label("first"))
    counted = counted.where(hours.level.in_(BAD), hours.bucket >= since, hours.bucket < now - DAY)
    begin = select(literal(None, hours.level.type), literal(""), literal(0), func.min(hours.bucket))
    rows = session.execute(union_all(counted.group_by(hours.level, hours.type), begin)).all()
    sums = {(level, type_): int(n) for level, type_, n, first in rows if first is None and level is not None}
    first = next((first for *_, first in rows if first is not None), None)
    days = 0.0 if first is None else min(USUAL_DAYS, (now - DAY - first) / DAY)
    return _Usual(sums, days)


@dataclass(frozen=True, slots=True)
class PayoutDay:
    """How many payouts arrived on a day of the reader's zone, and how many failed on it."""

    day: date
    counts: Mapping[str, int]


def payout_days(session: Session, *, now: datetime, tz: str) -> list[PayoutDay]:
    """The last thirty days, today the last."""
    zone = ZoneInfo(tz)
    today = now.astimezone(zone).date()
    days = [today - timedelta(days=n) for n in reversed(range(DAYS_DRAWN))]
    since = datetime.combine(days[0], datetime.min.time(), zone)
    young = Payout.created_at >= since - LONGEST_LIFE
    paid = select(Payout.paid_at.label("at"), literal("paid").label("kind")).where(young, Payout.paid_at >= since)
    failed = select(Payout.updated_at, literal("failed")).where(
        young, Payout.updated_at >= since, Payout.status.in_((PayoutStatus.FAILED, PayoutStatus.RETURNED))
    )
    ends = union_all(paid, failed).subquery()
    day = func.date_trunc("day", ends.c.at, tz)
    counts: dict[date, dict[str, int]] = {day: {} for day in days}
    for at, kind, n in session.execute(select(day, ends.c.kind, func.count()).group_by(day, ends.c.kind)):
        counts.setdefault(at.astimezone(zone).date(), {})[kind] = n
    return [PayoutDay(day, counts[day]) for day in days]
