"""Counts the log's complete hours by type and by actor, so that long ranges are drawn without reading rows.

The hours of a day that is over are also kept summed: at every moment a summed day is its hours together.

Counts outlive the rows: they say what happened. Retention deletes whole hours of a level, and only hours
that were counted; so an hour's count is its rows', or all that is left of them, and never half of both.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask
from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from portal.domain.work import utc_now
from portal.jobs.reporting import housekeeping
from portal.jobs.runner import Run
from portal.unit_of_work import unit_of_work

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SETTLED = timedelta(minutes=5)
"""A row is dated when inserted and seen when its transaction commits: an ended hour waits so long."""
AGAIN = timedelta(hours=3)
"""So much of what was counted is counted again, for transactions that took longer."""

BOUNDS = text("""
select (select max(bucket) from log_hour_type), (select min(created_at) from log),
    (select min(bucket) from log_hour_type where bucket >= coalesce(
        (select max(bucket) + interval '24 hours' from log_day_type), '-infinity'))
""")
KEYS = ("type", "actor")


def _keeping(unit: str, key: str, moment: str, n: str, source: str) -> TextClause:
    """Count a span of `source` by a unit of time, a level and a key; what is kept already never becomes less."""
    table = f"log_{unit}_{key}"
    return text(
        f"insert into {table} (bucket, level, {key}, n)"  # noqa: S608 -- our own words
        f" select date_trunc('{unit}', {moment}, 'UTC'), level, {key}, {n} from {source}"
        f" where {moment} >= :first and {moment} < :last group by 1, 2, 3 order by 1, 2, 3"
        f" on conflict (bucket, level, {key}) do update set n = excluded.n where {table}.n < excluded.n"
    )


HOURS = {key: _keeping("hour", key, "created_at", "count(*)", "log") for key in KEYS}
DAYS = {key: _keeping("day", key, "bucket", "sum(n)", f"log_hour_{key}") for key in KEYS}
ALONE = text("select pg_advisory_xact_lock(hashtext('callastar.log_counts'))")
"""Retention counts too: of two that count hours of one day each would sum it without the other's."""


def work(app: Flask, run: Run) -> None:  # noqa: ARG001 -- every job is called so
    """Count the hours that have ended since the last run, a day at a time."""
    with housekeeping(run):
        run.summary = count_hours(lambda session, done, steps: run.record(session, {}, done, steps))


def count_hours(progress: Callable[[Session, int, int], None]) -> dict[str, Any]:
    """Count what has ended since it was last counted: how many hours, until when.

    `progress` joins each day's transaction, so that what is counted is the holder's or nothing.
    """
    last = _hour(utc_now() - SETTLED)
    with unit_of_work() as session:
        first, begin = _bounds(session, last)
    steps = -((_day(begin) - last) // DAY) if begin < last else 0
    for done in range(steps):
        with unit_of_work() as session:
            _count(session, _day(begin) + done * DAY, first, last)
            progress(session, done + 1, steps)
    return {"hours": max(0, (last - first) // HOUR), "until": last.isoformat()}


def _bounds(session: Session, last: datetime) -> tuple[datetime, datetime]:
    """Where counting begins, a little before it ended or at the first row, and where counting or summing does."""
    counted, oldest, not_summed = session.execute(BOUNDS).one()
    first = last if oldest is None else _hour(oldest)
    if counted is not None:
        first = _hour(counted + HOUR - AGAIN)
    return first, min(first, not_summed or first)


def _count(session: Session, day: datetime, first: datetime, last: datetime) -> None:
    """Count a day's hours that lie between two, and sum the day when it is over, in one transaction."""
    session.execute(ALONE)
    hours = {"first": max(first, day), "last": min(day + DAY, last)}
    if hours["first"] < hours["last"]:
        for statement in HOURS.values():
            session.execute(statement, hours)
    if day + DAY <= last:
        for statement in DAYS.values():
            session.execute(statement, {"first": day, "last": day + DAY})


def _hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _day(moment: datetime) -> datetime:
    return _hour(moment).replace(hour=0)
