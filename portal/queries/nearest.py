"""Where the rows of a page most likely are: in the weeks beside the place where it begins.

A statement about the whole book plans and opens a walk of each of its weeks. Most pages are full after one or two,
and what they lack is read from the rest.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

from sqlalchemy import ColumnElement, func, select

from portal.models import Log
from portal.queries.paging import Order
from portal.queries.time_range import TimeRange

WEEK = timedelta(weeks=1)
"""How long a partition of the log is; it begins on Monday."""


def nearest_first(period: TimeRange, order: Order) -> list[TimeRange]:
    """`period` in the order of reading: the week or two where a page begins, and what is left of it, if any."""
    cut = _cut(period, order)
    if cut is None or (period.start and cut <= period.start) or (period.end and cut >= period.end):
        return [period]
    before, after = TimeRange(period.start, cut), TimeRange(cut, period.end)
    return [before, after] if order.ascending else [after, before]


def _cut(period: TimeRange, order: Order) -> datetime | None:
    """Where the nearest weeks end; None where that is not known."""
    first = period.start if order.ascending else period.end or datetime.now(UTC)
    begins = order.cursor.at if order.cursor else first
    if begins is None:
        return None
    try:
        monday = begins.date() - timedelta(days=begins.weekday())
        return datetime.combine(monday + (2 * WEEK if order.ascending else -WEEK), time(), UTC)
    except OverflowError:  # a cursor may name any year
        return None


def no_farther(nth: int, order: Order, conditions: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    """No farther from where a page begins than the nth row that passes some conditions, or the last one."""
    place = (Log.created_at, Log.id)
    rows = select(Log.created_at).where(*order.conditions(*place), *conditions).order_by(*order.columns(*place))
    last = rows.offset(nth).limit(1).scalar_subquery()
    if order.ascending:
        return Log.created_at <= func.coalesce(last, "infinity")
    return Log.created_at >= func.coalesce(last, "-infinity")
