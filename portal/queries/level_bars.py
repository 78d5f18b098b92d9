"""Rows counted bar by bar, each level's in each bar by a short walk of its index, with nothing to group."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import DateTime, func, literal, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from portal.models import Log, LogLevel
from portal.queries.log_counts import Sum, Sums
from portal.queries.log_search import LogSearch
from portal.queries.paging import read_within
from portal.queries.probes import unnested

MOMENTS = ARRAY(DateTime(timezone=True))


def level_bars(session: Session, search: LogSearch, *, edges: Sequence[datetime]) -> Sums:
    """The rows by level and bar of a search for levels alone. Raises BadParameter after three seconds."""
    level = unnested({"level": list(filter(search.level.lets, LogLevel))})
    ends = func.unnest(literal(edges[:-1], MOMENTS), literal(edges[1:], MOMENTS))
    bar = ends.table_valued("first", "last", name="bar").render_derived()
    within = [Log.level == level.c.level, Log.created_at >= bar.c.first, Log.created_at < bar.c.last]
    counted = select(func.count().label("n")).where(*within, *search.period.conditions(Log.created_at))
    of_bar = counted.lateral("counted")
    every_bar = level.join(bar, true()).join(of_bar, true())
    statement = select(level.c.level, bar.c.first, of_bar.c.n).select_from(every_bar)
    rows = read_within(session, statement, blame=search.blame)
    return Sums([Sum(LogLevel(level), "", first, n) for level, first, n in rows], False)
