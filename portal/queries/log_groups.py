"""The log by type, actor, request or entity: how many rows of each level, first and last seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, DateTime, String, Text, cast, column, func, literal, select
from sqlalchemy.orm import Session

from portal.models import Log
from portal.models.log import TRACED_KEYS
from portal.queries.calendar_bars import HOUR
from portal.queries.counted_hours import Cutoffs
from portal.queries.log_counts import CAP, Sum, Sums, newest_rows, roll_up_for, sums
from portal.queries.log_search import LogLevel, LogSearch
from portal.queries.paging import read_within

KEYS = ("type", "actor", "requestId", *TRACED_KEYS)
MOST = 100
"""So many groups are shown, the largest first."""


@dataclass(frozen=True, slots=True)
class Group:
    """The rows that share a key: how many of each level, and when the first and the last of them came."""

    key: str
    counts: Mapping[LogLevel, int]
    first: datetime
    last: datetime

    @property
    def total(self) -> int:
        """Over all levels."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Groups:
    """The largest groups, how many there are, and what was counted."""

    largest: Sequence[Group]
    known: int
    counted: Sums


def log_groups(session: Session, search: LogSearch, by: str, cutoffs: Cutoffs) -> Groups:
    """The search's rows by one of KEYS. Raises BadParameter after three seconds."""
    if by in {"type", "actor"} and roll_up_for(search, by) is not None:
        found = sums(session, search, cutoffs, by=by, seen=True)
        largest = _grouped(found)
        return Groups(_closely(session, search, by, largest[:MOST]), len(largest), found)
    found = _newest(session, search, by)
    largest = _grouped(found)
    return Groups(largest[:MOST], len(largest), found)


def _grouped(found: Sums) -> list[Group]:
    counts: dict[str, dict[LogLevel, int]] = {}
    spans: dict[str, list[datetime]] = {}
    for each in found.sums:
        levels = counts.setdefault(each.key, dict.fromkeys(LogLevel, 0))
        levels[each.level] += each.n
        spans.setdefault(each.key, []).extend(each.seen or ())
    groups = [Group(key, levels, min(spans[key]), max(spans[key])) for key, levels in counts.items()]
    return sorted(groups, key=lambda group: (-group.total, group.key))


def _newest(session: Session, search: LogSearch, by: str) -> Sums:
    key = _key_of(by)
    newest = newest_rows(search, key.label("grouped"), where=[key.is_not(None)]).subquery("newest")
    at = newest.c.created_at
    statement = select(newest.c.level, newest.c.grouped, func.count(), func.min(at), func.max(at))
    rows = read_within(session, statement.group_by(newest.c.level, newest.c.grouped), blame=search.blame)
    found = [Sum(LogLevel(level), str(key), None, n, (first, last)) for level, key, n, first, last in rows]
    is_cut = sum(each.n for each in found) > CAP
    return Sums(found, False, reach=min(row[3] for row in rows) if is_cut else None)


def _key_of(by: str) -> Any:
    if by in {"type", "actor"}:
        return cast(getattr(Log, by), Text)
    return cast(Log.request_id, Text) if by == "requestId" else Log.details[by].astext


def _closely(session: Session, search: LogSearch, by: str, groups: Sequence[Group]) -> list[Group]:
    """First and last seen to the moment, where the hours that the counts name still have their rows."""
    if not groups:
        return []
    times = ARRAY(DateTime(timezone=True))
    asked = func.unnest(
        literal([group.key for group in groups], ARRAY(Text)),
        literal([group.first for group in groups], times),
        literal([group.last for group in groups], times),
    ).table_valued(column("key", String), column("first", DateTime(True)), column("last", DateTime(True)))
    asked = asked.render_derived(name="asked")
    mine = Log.actor == cast(asked.c.key, Log.actor.type) if by == "actor" else Log.type == asked.c.key
    rows = [*search.filters(), mine]
    first = func.min(Log.created_at).label("at")
    last = func.max(Log.created_at).label("at")
    firsts = select(first).where(*rows, *_in_hour(asked.c.first)).scalar_subquery()
    lasts = select(last).where(*rows, *_in_hour(asked.c.last)).scalar_subquery()
    exact = {
        key: (begin, end)
        for key, begin, end in read_within(session, select(asked.c.key, firsts, lasts), blame=search.blame)
    }
    return [
        replace(group, first=exact[group.key][0] or group.first, last=exact[group.key][1] or group.last)
        for group in groups
    ]


def _in_hour(moment: Any) -> list[Any]:
    return [Log.created_at >= moment, Log.created_at < moment + literal(HOUR)]
