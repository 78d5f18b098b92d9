"""A summed day is its hours at every moment: while rows come late, killed midway, and after its rows are gone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, delete, func, select, text
from sqlalchemy.orm import Session

from portal.jobs import roll_up_logs
from portal.jobs.roll_up_logs import KEYS, count_hours
from portal.models import Log
from portal.queries.log_counts import sums
from portal.queries.log_search import LogSearch
from tests.queries.books import Event, write

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
BEGIN = datetime(2026, 11, 8, 21, 0, tzinfo=UTC)
LEVELS, TYPES, ACTORS = ["INFO", "ERROR", "INFO"], ["USER_LOGIN", "PAYOUT_PAID"], ["USER", "ADMIN"]
Clock = Callable[[datetime], None]


class Killed(Exception):
    """What ends a run between two statements."""


@pytest.fixture
def clock(context: Flask, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Set what time it is for the job."""

    def show(now: datetime) -> None:
        monkeypatch.setattr(roll_up_logs, "utc_now", lambda: now)

    return show


def events(*moments: datetime) -> list[Event]:
    return [
        Event(level=LEVELS[n % 3], type=TYPES[n % 2], actor=ACTORS[n % 5 // 3], at=at)
        for n, at in enumerate(moments)
    ]


def four_days() -> list[Event]:
    return events(*(BEGIN + n * timedelta(minutes=47) for n in range(110)))


def assert_days_are_their_hours(session: Session) -> datetime | None:
    """Both by type and by actor; returns until when days are summed."""
    session.rollback()
    reach = session.scalar(text("select max(bucket) + interval '24 hours' from log_day_actor"))
    for key in KEYS:
        days = f"select bucket, level, {key}, n from log_day_{key}"
        hours = (
            f"select date_trunc('day', bucket, 'UTC'), level, {key}, sum(n)::bigint from log_hour_{key}"
            f" where bucket < :reach group by 1, 2, 3"
        )
        assert set(session.execute(text(days))) == set(session.execute(text(hours), {"reach": reach}))
    return reach


def killed_at(step: int) -> Callable[[Session, int, int], None]:
    def progress(_: Session, done: int, __: int) -> None:
        if done == step:
            raise Killed

    return progress


def counted(session: Session) -> int:
    session.rollback()
    return sums(session, LogSearch(), {}).total


def test_days_are_their_hours_while_rows_come_late(session: Session, clock: Clock) -> None:
    for n in range(1, 56):
        now = BEGIN + n * HOUR + timedelta(minutes=10)
        write(session, events(now - timedelta(minutes=30), now - timedelta(minutes=40 + n * 37 % 130)))
        clock(now)
        count_hours(lambda *_: None)
        midnight = now.replace(hour=0, minute=0)
        assert assert_days_are_their_hours(session) == (midnight if midnight > BEGIN else None)
    for days in ("log_day_type", "log_day_actor"):
        rows = session.scalar(
            text("select count(*) from log where created_at < :midnight"), {"midnight": midnight}
        )
        assert session.scalar(text(f"select sum(n) from {days}")) == rows


def test_killed_midway_a_day_is_counted_and_summed_or_neither_and_the_next_run_goes_on(
    session: Session, clock: Clock
) -> None:
    rows = write(session, four_days())
    clock(BEGIN + 4 * DAY)
    reached: list[Any] = []
    for _ in range(3):
        with pytest.raises(Killed):
            count_hours(killed_at(3))
        reached.append(assert_days_are_their_hours(session))
        hours = session.scalar(text("select max(bucket) + interval '1 hour' from log_hour_type"))
        assert hours == reached[-1]
        assert counted(session) == len(rows)
    midnight = BEGIN.replace(hour=0)
    assert reached == [midnight + n * DAY for n in (2, 3, 4)]
    count_hours(killed_at(99))
    assert assert_days_are_their_hours(session) == midnight + 4 * DAY
    assert counted(session) == len(rows)


def test_hours_that_were_counted_before_days_were_summed_are_from_the_oldest_on(
    session: Session, clock: Clock
) -> None:
    rows = write(session, four_days())
    clock(BEGIN + 4 * DAY)
    count_hours(lambda *_: None)
    for key in KEYS:
        session.execute(text(f"delete from log_day_{key}"))
    session.commit()
    assert counted(session) == len(rows)
    with pytest.raises(Killed):
        count_hours(killed_at(2))
    assert assert_days_are_their_hours(session) == BEGIN.replace(hour=0) + DAY
    assert counted(session) == len(rows)
    told: list[tuple[int, int]] = []
    count_hours(lambda _, done, steps: told.append((done, steps)))
    assert told == [(n, 4) for n in (1, 2, 3, 4)]
    assert assert_days_are_their_hours(session) == BEGIN.replace(hour=0) + 4 * DAY
    assert counted(session) == len(rows)


def test_days_outlive_their_rows(session: Session, clock: Clock) -> None:
    rows = write(session, four_days())
    clock(BEGIN + 4 * DAY)
    count_hours(lambda *_: None)
    session.execute(text("set session_replication_role = replica"))
    session.execute(delete(Log).where(Log.created_at < BEGIN + 3 * DAY))
    session.execute(text("set session_replication_role = default"))
    session.commit()
    for key in KEYS:
        session.execute(text(f"delete from log_day_{key} where bucket > :at"), {"at": BEGIN + DAY})
    session.commit()
    count_hours(lambda *_: None)
    assert assert_days_are_their_hours(session) == BEGIN.replace(hour=0) + 4 * DAY
    assert counted(session) == len(rows)


def test_of_two_that_count_hours_of_one_day_the_second_waits_and_sums_both(
    session: Session, owner_engine: Engine
) -> None:
    """Retention counts as well."""
    rows = write(session, events(*(BEGIN + n * timedelta(minutes=7) for n in range(180))))
    midnight = BEGIN.replace(hour=0)
    roll_up_logs._count(session, midnight, midnight, BEGIN + HOUR)

    def count_the_rest() -> None:
        with Session(owner_engine) as other:
            roll_up_logs._count(other, midnight, BEGIN + HOUR, midnight + DAY)
            other.commit()

    beside = Thread(target=count_the_rest)
    beside.start()
    beside.join(0.5)
    session.commit()
    beside.join(20)
    assert assert_days_are_their_hours(session) == midnight + DAY
    early = select(func.count()).where(Log.id.in_(rows), Log.created_at < midnight + DAY)
    assert session.scalar(text("select sum(n) from log_day_type")) == session.scalar(early)
