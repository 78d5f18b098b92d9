"""How many rows of each type and level the log holds in a time: the specification's third question."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.models import Log, LogLevel
from portal.queries.paging import read_within
from portal.queries.time_range import TimeRange


@dataclass(frozen=True, slots=True)
class TypeCount:
    """One type and level, and how often."""

    type: str
    level: LogLevel
    n: int


def count_types(session: Session, period: TimeRange) -> Sequence[TypeCount]:
    """The counts, most frequent first. Raises BadParameter when they take more than three seconds."""
    count = func.count()
    query = select(Log.type, Log.level, count).where(*period.conditions(Log.created_at))
    query = query.group_by(Log.type, Log.level).order_by(count.desc(), Log.type, Log.level)
    rows: Any = read_within(session, query, blame=("from", ""))
    return [TypeCount(*row) for row in rows]
