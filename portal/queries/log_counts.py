"""Sums over the log: complete hours and days from their counts, the edges of a range from rows: they are exact.

Counts outlive rows (docs/decisions/0015): an edge older than its level's cut-off has no rows any more and is
widened to its whole hour. What the counts cannot answer is counted row by row, newest first, up to CAP.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    Text,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    union,
    union_all,
)
from sqlalchemy.orm import Session

from portal.models import Log
from portal.models import LogLevel as LogLevel
from portal.models.log import TRACED_KEYS
from portal.queries.counted_days import Ranges, counts, gone_hour, whole_days
from portal.queries.counted_hours import Counted, Cutoffs, Edge, counted_hours, cut_range
from portal.queries.log_search import LogSearch
from portal.queries.paging import Order, read_within
from portal.queries.parameters import Choice
from portal.queries.probes import prefix_of
from portal.queries.time_range import TimeRange
from portal.queries.totals import CAP as CAP

PLACE = ("level", "key", "bar")


@dataclass(frozen=True, slots=True)
class Sum:
    """So many rows of a level, of one key (a type, an actor, or "" when none was asked for), in one bar.

    `bar` is when the bar begins, None when there is only one. `seen`, where it was asked for, is when the
    first and the last of them came; of counted hours, when the hour began.
    """

    level: LogLevel
    key: str
    bar: datetime | None
    n: int
    seen: tuple[datetime, datetime] | None = None


@dataclass(frozen=True, slots=True)
class Sums:
    """What was counted, and how far it can be trusted.

    `by_hours` says that the hourly counts were read. `outlived` is how many of what was counted are of rows past
    their cut-off; `widened`, how many come from an edge taken as a whole hour. `reach` is set when CAP was
    reached: nothing older was counted.
    """

    sums: Sequence[Sum]
    by_hours: bool
    outlived: int = 0
    widened: int = 0
    reach: datetime | None = None

    @property
    def total(self) -> int:
        """Over everything."""
        return sum(each.n for each in self.sums)


@dataclass(frozen=True, slots=True)
class Grouping:
    """What is summed apart: a key, bars between edges; and whether to tell when."""

    by: str | None = None
    edges: Sequence[datetime] = ()
    seen: bool = False

    def columns(self, table: Any, moment: Any) -> list[Any]:
        """PLACE in a table whose rows, or hours, have a moment."""
        key = cast(getattr(table, self.by), Text) if self.by else literal("")
        return [table.level.label("level"), key.label("key"), bar_of(self.edges, moment).label("bar")]

    def days(self, hours: TimeRange | None, counted: Counted, cutoffs: Cutoffs) -> tuple[Ranges, Ranges]:
        """The hours as days and hours; bars are of the reader's zone, and a day does not tell the hour."""
        if hours is None:
            return [], []
        return ([], [hours]) if self.edges or self.seen else whole_days(hours, counted, cutoffs)

    def seen_at(self, moment: Any) -> list[Any]:
        """The first and the last moment of each sum."""
        return [func.min(moment), func.max(moment)] if self.seen else []


def roll_up_for(search: LogSearch, *keys: str) -> str | None:
    """The hourly counts ("type" or "actor") that answer a search by these keys; None when only rows do."""
    anything = replace(search, level=Choice(), type=Choice(), actor=Choice(), period=TimeRange(), order=Order())
    if anything.filters():
        return None
    wanted = {*keys} | {name for name in ("type", "actor") if not getattr(search, name).is_open}
    if wanted >= {"type", "actor"}:
        return None
    return "type" if "type" in wanted else "actor"


def sums(
    session: Session,
    search: LogSearch,
    cutoffs: Cutoffs,
    *,
    by: str | None = None,
    edges: Sequence[datetime] = (),
    counted: Counted | None = None,
    seen: bool = False,
) -> Sums:
    """The rows that pass by level, by `by` ("type" or "actor") and by the bar between two of `edges`.

    With `seen` also when the first and the last of them came. Raises BadParameter after three seconds.
    """
    roll_up = roll_up_for(search, *([by] if by else []))
    if roll_up is None:
        return newest_sums(session, search, by=by, edges=edges)
    groups = Grouping(by, edges, seen)
    statement = _by_hours(search, roll_up, groups, cutoffs, counted or counted_hours(session))
    rows = read_within(session, statement, blame=search.blame)
    found = [
        Sum(LogLevel(row[0]), row[1], bar_begins(row[2], edges), int(row[3]), (row[6], row[7]) if seen else None)
        for row in rows
    ]
    return Sums(found, True, sum(int(row[4]) for row in rows), sum(int(row[5]) for row in rows))


def row_sums(
    session: Session, search: LogSearch, *, by: str | None = None, edges: Sequence[datetime] = ()
) -> Sums:
    """The same from every row, however many: for short ranges. Raises BadParameter after three seconds."""
    statement = _of_rows(search.filters(), Grouping(by, edges))
    rows = read_within(session, statement, blame=search.blame)
    return Sums(
        [Sum(LogLevel(level), key or "", bar_begins(bar, edges), n) for level, key, bar, n, *_ in rows], False
    )


def newest_sums(
    session: Session, search: LogSearch, *, by: str | None = None, edges: Sequence[datetime] = ()
) -> Sums:
    """The same from the newest CAP rows that pass. Raises BadParameter after three seconds."""
    newest = newest_rows(search).subquery("newest")
    groups = Grouping(by, edges).columns(newest.c, newest.c.created_at)
    statement = select(*groups, func.count(), func.min(newest.c.created_at)).group_by(*PLACE)
    rows = read_within(session, statement, blame=search.blame)
    found = [Sum(LogLevel(level), key or "", bar_begins(bar, edges), n) for level, key, bar, n, _ in rows]
    is_cut = sum(each.n for each in found) > CAP
    return Sums(found, False, reach=min(row[4] for row in rows) if is_cut else None)


def newest_rows(search: LogSearch, *also: Any, where: Sequence[Any] = (), limit: int = CAP + 1) -> Any:
    """The newest rows that pass, as a SELECT of what is counted; one more than CAP tells that there are more."""
    columns = (Log.id, Log.created_at, Log.level, Log.type, Log.actor, *also)
    if search.entity is None:
        query = select(*columns).where(*search.filters(), *where)
        return query.order_by(Log.created_at.desc()).limit(limit)
    conditions = [*replace(search, entity=None).filters(), *where]
    arms = [
        select(*columns)
        .where(Log.details[key].astext == search.entity, *conditions)
        .order_by(Log.created_at.desc())
        .limit(limit)
        for key in TRACED_KEYS
    ]
    named = union(*arms).subquery("named")
    return select(named).order_by(named.c.created_at.desc()).limit(limit)


def _by_hours(
    search: LogSearch,
    roll_up: str,
    groups: Grouping,
    cutoffs: Cutoffs,
    counted: Counted,
) -> Any:
    hours, ends = cut_range(search.period, counted, cutoffs)
    days, left = groups.days(hours, counted, cutoffs)
    table = counts(roll_up, days, left, ends)
    whole = [gone_hour(table, end) for end in ends if end.gone]
    past = [and_(table.level == level, table.bucket < cutoff) for level, cutoff in cutoffs.items()]
    summed = [func.sum(table.n), _sum_where(past, table.n), _sum_where(whole, table.n)]
    found = select(*groups.columns(table, table.bucket), *summed, *groups.seen_at(table.bucket))
    of_counts = found.where(*_kinds(search, table)).group_by(*PLACE)
    return union_all(of_counts, *(_of_rows(_left(search, end), groups) for end in ends))


def _left(search: LogSearch, edge: Edge) -> list[ColumnElement[bool]]:
    """What a row of an edge must satisfy: levels that have no rows any more are counted by their hour."""
    conditions = replace(search, period=edge.span).filters()
    return [*conditions, Log.level.not_in(edge.gone)] if edge.gone else conditions


def _of_rows(conditions: Sequence[ColumnElement[bool]], groups: Grouping) -> Any:
    counted = (func.count(), literal(0), literal(0), *groups.seen_at(Log.created_at))
    return select(*groups.columns(Log, Log.created_at), *counted).where(*conditions).group_by(*PLACE)


def bar_of(edges: Sequence[datetime], moment: Any) -> Any:
    """When the bar of a moment begins, by division where bars are alike; else its number, which takes longer."""
    if len(edges) <= 2:
        return literal(None, DateTime(timezone=True))
    widths = {last - first for first, last in pairwise(edges)}
    if len(widths) == 1:
        return func.date_bin(widths.pop(), moment, edges[0])
    return func.width_bucket(moment, literal(list(edges), ARRAY(DateTime(timezone=True))))


def bar_begins(bar: datetime | int | None, edges: Sequence[datetime]) -> datetime | None:
    """When a bar begins, from what bar_of() found."""
    return edges[bar - 1] if isinstance(bar, int) else bar


def _sum_where(any_of: Sequence[ColumnElement[bool]], n: Any) -> Any:
    return func.sum(case((or_(*any_of), n), else_=0)) if any_of else literal(0)


def _kinds(search: LogSearch, table: Any) -> list[ColumnElement[bool]]:
    found = []
    for name in ("level", "type", "actor"):
        chosen: Choice = getattr(search, name)
        if chosen.is_open:
            continue
        column = getattr(table, name)
        if chosen.only:
            found.append(or_(*(_is(column, value) for value in chosen.only)))
        found += [~_is(column, value) for value in chosen.without]
    return found


def _is(column: Any, value: str) -> ColumnElement[bool]:
    prefix = prefix_of(value)
    found: ColumnElement[bool] = column == value if prefix is None else column.startswith(prefix, autoescape=True)
    return found
