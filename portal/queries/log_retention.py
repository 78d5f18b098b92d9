"""What retention would delete, and how much it deleted before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, String, cast, func, literal, select, union_all
from sqlalchemy.orm import Session

from portal.models import JobRun, Log, RunState
from portal.models import LogLevel as LogLevel

JOB = "cleanup-logs"
COUNTED_RUNS = 7
"""So many runs make the median: a week of them."""


@dataclass(frozen=True, slots=True)
class DueWeek:
    """The due rows of one week by level; `start` is its Monday, in UTC."""

    start: datetime
    counts: Mapping[LogLevel, int]

    @property
    def total(self) -> int:
        """Over all levels."""
        return sum(self.counts.values())


def due_weeks(session: Session, cutoffs: Mapping[LogLevel, datetime]) -> Sequence[DueWeek]:
    """What a run with these cut-offs would delete, oldest week first."""
    week = func.date_trunc("week", Log.created_at, "UTC").label("week")
    arms = [
        select(week, cast(literal(level.value), String).label("level"), func.count().label("n"))
        .where(Log.level == level, Log.created_at < before)
        .group_by(week)
        for level, before in cutoffs.items()
    ]
    counts: dict[datetime, dict[LogLevel, int]] = {}
    for start, level, n in session.execute(union_all(*arms)):
        counts.setdefault(start, dict.fromkeys(cutoffs, 0))[LogLevel(level)] = n
    return [DueWeek(start, counts[start]) for start in sorted(counts)]


def due_by_level(weeks: Sequence[DueWeek]) -> dict[LogLevel, int]:
    """The same by level over all weeks."""
    totals: dict[LogLevel, int] = dict.fromkeys((LogLevel.INFO, LogLevel.WARNING, LogLevel.ERROR), 0)
    for week in weeks:
        for level, n in week.counts.items():
            totals[level] += n
    return totals


def deleted_before(session: Session) -> Sequence[int]:
    """How much each of the newest runs deleted, newest first; runs that had nothing to do say nothing."""
    total = sum((_count(name) for name in ("deletedInfo", "deletedWarning", "deletedError")), literal(0))
    query = select(total).where(JobRun.job == JOB, JobRun.state == RunState.SUCCEEDED, total > 0)
    return session.scalars(query.order_by(JobRun.started_at.desc()).limit(COUNTED_RUNS)).all()


def _count(name: str) -> Any:
    return func.coalesce(cast(JobRun.summary[name].astext, Integer), 0)


def newest_run(session: Session) -> JobRun | None:
    """The newest run of retention, freshly read."""
    query = select(JobRun).where(JobRun.job == JOB).order_by(JobRun.started_at.desc()).limit(1)
    return session.scalar(query.execution_options(populate_existing=True))
