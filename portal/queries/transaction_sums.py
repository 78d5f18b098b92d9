"""The book of money over time and by kind, counted from its rows (docs/decisions/0045).

By kind and period alone an index answers, without the rows; of any other search the newest CAP rows are counted.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.models import TransactionLog
from portal.queries.calendar_bars import bar_edges, choose_step
from portal.queries.facets import Facet
from portal.queries.histogram import NOTHING, Histogram, bars_of, span_of
from portal.queries.log_counts import CAP, Sum, Sums, bar_begins, bar_of
from portal.queries.paging import Order, read_within
from portal.queries.parameters import Choice
from portal.queries.time_range import TimeRange
from portal.queries.transaction_entry import level_of
from portal.queries.transaction_search import TransactionSearch


def transaction_histogram(
    session: Session, search: TransactionSearch, *, now: datetime, zone: ZoneInfo
) -> Histogram:
    """The search over its period, until now at the latest. Raises BadParameter after three seconds."""
    beginning = session.scalar(select(func.min(TransactionLog.created_at)))
    span = span_of(search.period, beginning, now)
    if span is None:
        return NOTHING
    start, end = span
    drawn = _drawn(session, search, start, end, zone)
    reach = drawn.counted.reach
    if reach is None or reach <= start:
        return drawn
    newest = _drawn(session, search, reach, end, zone)
    return replace(newest, counted=replace(newest.counted, reach=reach))


def transaction_facets(session: Session, search: TransactionSearch) -> Sequence[Facet]:
    """How many rows each event and each kind of object has, its own filter left out."""
    others = replace(search, event_type=Choice(), entity_type=Choice())
    counted = _rows(others).subquery("counted")
    kinds = (counted.c.event_type, counted.c.entity_type)
    found = read_within(session, select(*kinds, func.count()).group_by(*kinds), blame=search.blame)
    is_capped = not _is_by_kind(search) and sum(n for *_, n in found) > CAP
    events, objects = Counter[str](), Counter[str]()
    for event, entity, n in found:
        if search.entity_type.lets(entity):
            events[event.value] += n
        if search.event_type.lets(event):
            objects[entity.value] += n
    return [
        Facet(field, dict(counts.most_common()), is_capped, 0)
        for field, counts in (("eventType", events), ("entityType", objects))
    ]


def _drawn(
    session: Session, search: TransactionSearch, start: datetime, end: datetime, zone: ZoneInfo
) -> Histogram:
    step = choose_step(end - start)
    edges = bar_edges(start, end, step, zone)
    found = _sums(session, replace(search, period=TimeRange(start, end)), edges)
    return Histogram(bars_of(edges, start, end, found), step, found, {})


def _sums(session: Session, search: TransactionSearch, edges: Sequence[datetime]) -> Sums:
    counted = _rows(search).subquery("counted")
    at, event = counted.c.created_at, counted.c.event_type.label("event")
    bar = bar_of(edges, at).label("bar")
    query = select(event, bar, func.count(), func.min(at)).group_by("event", "bar")
    rows = read_within(session, query, blame=search.blame)
    found = [Sum(level_of(kind), kind, bar_begins(bar, edges), n) for kind, bar, n, _ in rows]
    is_cut = not _is_by_kind(search) and sum(each.n for each in found) > CAP
    return Sums(found, False, reach=min(row[3] for row in rows) if is_cut else None)


def _rows(search: TransactionSearch) -> Any:
    """What is counted of each row: of all, or of the newest; one more than CAP tells that there are more."""
    book = TransactionLog
    rows = select(book.created_at, book.event_type, book.entity_type).where(*search.filters())
    return rows if _is_by_kind(search) else rows.order_by(book.created_at.desc()).limit(CAP + 1)


def _is_by_kind(search: TransactionSearch) -> bool:
    """Whether nothing but kinds and time is asked for, which one index holds."""
    opened = replace(search, event_type=Choice(), entity_type=Choice(), period=TimeRange(), order=Order())
    return not opened.filters()
