"""Counts the log's complete hours by type and by actor, so that long ranges are drawn without reading rows.

Counts outlive the rows: they say what happened. Retention deletes whole hours of a level, and only hours
that were counted; so an hour's count is its rows', or all that is left of them, and never half of both.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.domain.work import utc_now
from portal.jobs.reporting import housekeeping
from portal.jobs.runner import Run
from portal.unit_of_work import unit_of_work

HOUR = timedelta(hours=1)
STEP = timedelta(days=1)
SETTLED = timedelta(minutes=5)
"""A row is dated when inserted and seen when its transaction commits: an ended hour waits so long."""
AGAIN = timedelta(hours=3)
"""So much of what was counted is counted again, for transactions that took longer."""

BOUNDS = text("select (select max(bucket) from log_hour_type), (select min(created_at) from log)")
COUNTS = {
    column: text(
        f"insert into log_hour_{column} (bucket, level, {column}, n)"  # noqa: S608 -- our own two words
        f" select date_trunc('hour', created_at, 'UTC'), level, {column}, count(*) from log"
        f" where created_at >= :first and created_at < :last group by 1, 2, 3 order by 1, 2, 3"
        f" on conflict (bucket, level, {column}) do update set n = excluded.n"
        f" where log_hour_{column}.n < excluded.n"
    )
    for column in ("type", "actor")
}


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
        first = _first(session, last)
    steps = max(0, -((first - last) // STEP))
    for done in range(steps):
        start = first + done * STEP
        with unit_of_work() as session:
            _count(session, {"first": start, "last": min(start + STEP, last)})
            progress(session, done + 1, steps)
    return {"hours": max(0, (last - first) // HOUR), "until": last.isoformat()}


def _first(session: Session, last: datetime) -> datetime:
    """Where counting begins: a little before it ended the last time, or at the book's first row."""
    counted, oldest = session.execute(BOUNDS).one()
    if counted is not None:
        return _hour(counted + HOUR - AGAIN)
    return last if oldest is None else _hour(oldest)


def _count(session: Session, span: dict[str, Any]) -> None:
    for statement in COUNTS.values():
        session.execute(statement, span)


def _hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
