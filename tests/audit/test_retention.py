"""What the database lets go: its own floor, not the application's word, decides which rows are deleted."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
from flask import Flask
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from portal.audit.retention import BEGINNING, POLICY, Keeping, Space, delete_batch, give_back_week, keepings
from portal.audit.retention import weeks_before as weeks_ended_before
from portal.config import POLICY_DAYS
from portal.extensions import db
from portal.models import LogLevel
from portal.unit_of_work import unit_of_work
from tests.jobs.old_logs import drop_old_weeks, held, write_old

NOW = datetime.now(UTC)
Fill = Callable[..., None]


@pytest.fixture
def fill(session: Session) -> Fill:
    """Write rows of a level, so many days old, as the owner."""
    return lambda level, days, count=1, **more: write_old(session, level, days, count, width=500, **more)


def left(session: Session) -> dict[str, int]:
    return held(session)


@pytest.mark.parametrize("level", list(POLICY))
def test_the_function_itself_refuses_a_date_that_the_policy_keeps(
    context: Flask, fill: Fill, session: Session, level: LogLevel
) -> None:
    fill(level, POLICY[level] - 0.5)
    for days in (POLICY[level] - 0.01, 0, -400):
        with pytest.raises(ProgrammingError, match="younger than"), unit_of_work() as unit:
            delete_batch(unit, level, datetime.now(UTC) - timedelta(days=days), BEGINNING)
    with pytest.raises(ProgrammingError, match="younger than"):
        db.session.execute(text(f"select delete_due_logs('{level}', null, '-infinity', 0, 10)"))
    assert held(session) == {level: 1}


def test_critical_rows_are_kept_for_ever(context: Flask, fill: Fill, session: Session) -> None:
    fill("CRITICAL", 3000)
    with pytest.raises(ProgrammingError, match="for ever"), unit_of_work() as unit:
        delete_batch(unit, LogLevel.CRITICAL, NOW - timedelta(days=2000), BEGINNING)
    assert held(session) == {"CRITICAL": 1}


@pytest.mark.parametrize(
    "statement",
    [
        "set callastar.retention = 'on'; delete from log",
        "set session_replication_role = replica",
        "create or replace function log_retention_floor(of_level log_level) returns integer language sql"
        " as 'select 0'",
        "drop function log_retention_floor(log_level)",
        "create function pg_temp.delete_due_logs(of_level log_level) returns void language sql"
        " as 'delete from log'; select pg_temp.delete_due_logs('INFO')",
        "alter table log drop constraint pk_log",
    ],
)
def test_the_application_finds_no_way_around_the_function(
    context: Flask, fill: Fill, session: Session, statement: str
) -> None:
    fill("INFO", 40)
    with pytest.raises(ProgrammingError, match=r"permission denied|must be owner|must be able"):
        db.session.execute(text(statement))
    db.session.rollback()
    assert held(session) == {"INFO": 1}


def test_the_trigger_lets_the_function_pass_and_no_setting_of_the_owners(
    context: Flask, fill: Fill, session: Session
) -> None:
    fill("INFO", 40)
    [part] = session.scalars(text("select distinct tableoid::regclass::text from log")).all()
    for table in ("log", part):
        with pytest.raises(ProgrammingError, match="append-only"):
            session.execute(text(f"set callastar.retention = 'on'; delete from {table}"))
        session.rollback()
    with unit_of_work() as unit:
        assert delete_batch(unit, LogLevel.INFO, NOW - timedelta(days=31), BEGINNING).deleted == 1


def test_the_book_of_money_has_no_path(context: Flask, session: Session) -> None:
    for name in ("delete_due_logs", "give_back_log_week", "refuse_deletion"):
        source = session.scalar(text("select prosrc from pg_proc where proname = :name"), {"name": name})
        assert "transaction_log" not in source
    rights = session.scalars(
        text("select proname from pg_proc where prosecdef"
             " and has_function_privilege('callastar_app', oid, 'execute')"
             " and pronamespace = 'public'::regnamespace and not exists (select from pg_depend"
             " where objid = pg_proc.oid and deptype = 'e')")
    ).all()  # fmt: skip
    assert set(rights) == {"make_partitions", "delete_due_logs", "give_back_log_week"}
    anybody = text("select has_function_privilege('public', oid, 'execute') from pg_proc where proname = :name")
    for name in ("delete_due_logs", "give_back_log_week"):
        assert session.scalar(anybody, {"name": name}) is False


def test_batches_go_oldest_first_and_end(context: Flask, fill: Fill, session: Session) -> None:
    for days in (33, 32, 31):
        fill("INFO", days, count=4)
    fill("INFO", 29)
    fill("WARNING", 50)
    before, after, deleted = NOW - timedelta(days=30.5), BEGINNING, []
    while True:
        with unit_of_work() as unit:
            batch = delete_batch(unit, LogLevel.INFO, before, after, most=5)
        deleted.append(batch.deleted)
        oldest = session.scalar(text("select min(created_at) from log where level = 'INFO'"))
        session.rollback()
        assert oldest >= after.at
        if batch.last is None:
            break
        after = batch.last
    assert deleted == [5, 5, 2]
    assert held(session) == {"INFO": 1, "WARNING": 1}


def test_rows_of_one_moment_are_told_apart_by_their_ids(context: Flask, fill: Fill, session: Session) -> None:
    fill("INFO", 40, count=11, apart="0")
    after, deleted = BEGINNING, 0
    for _ in range(6):
        with unit_of_work() as unit:
            batch = delete_batch(unit, LogLevel.INFO, NOW - timedelta(days=31), after, most=2)
        deleted += batch.deleted
        assert batch.deleted == (2 if batch.last else 1)
        after = batch.last or after
    assert (deleted, held(session)) == (11, {})


def test_a_batch_is_never_longer_than_five_thousand(context: Flask, fill: Fill) -> None:
    fill("INFO", 40, count=5001)
    with unit_of_work() as unit:
        assert delete_batch(unit, LogLevel.INFO, NOW - timedelta(days=31), BEGINNING, most=10**6).deleted == 5000


def test_two_deleters_at_once_count_each_row_once(app: Flask, fill: Fill, session: Session) -> None:
    fill("INFO", 40, count=3000)
    counts: list[int] = []

    def delete() -> None:
        after = BEGINNING
        with app.app_context():
            while True:
                with unit_of_work() as unit:
                    batch = delete_batch(unit, LogLevel.INFO, NOW - timedelta(days=31), after, most=100)
                counts.append(batch.deleted)
                if batch.last is None:
                    return
                after = batch.last

    threads = [Thread(target=delete) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (sum(counts), held(session)) == (3000, {})


def week_of(days: float) -> datetime:
    at = NOW - timedelta(days=days)
    return (at - timedelta(days=at.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)


def test_an_empty_old_week_is_dropped_and_its_table_is_gone(context: Flask, fill: Fill, session: Session) -> None:
    fill("ERROR", 200, count=3)
    week = week_of(200)
    assert week in weeks_ended_before(session, NOW - timedelta(days=90))
    with unit_of_work() as unit:
        assert give_back_week(unit, week) is Space.KEPT
    with unit_of_work() as unit:
        delete_batch(unit, LogLevel.ERROR, NOW - timedelta(days=90), BEGINNING)
    with unit_of_work() as unit:
        assert give_back_week(unit, week) is Space.DROPPED
    session.rollback()
    assert week not in weeks_ended_before(session, NOW)
    with unit_of_work() as unit:
        assert give_back_week(unit, week) is Space.ABSENT


def test_a_week_of_critical_rows_gives_its_disk_back_and_keeps_them_as_they_were(
    context: Flask, fill: Fill, session: Session
) -> None:
    fill("CRITICAL", 200, count=3)
    fill("ERROR", 200, count=2000)
    everything = text("select id, created_at, txid::text, salt, search, request_id from log "
                      " where level = 'CRITICAL' order by id")  # fmt: skip
    before = session.execute(everything).all()
    with unit_of_work() as unit:
        delete_batch(unit, LogLevel.ERROR, NOW - timedelta(days=90), BEGINNING)
    part = session.scalar(text("select tableoid::regclass::text from log limit 1"))
    size = text(f"select pg_total_relation_size('{part}')")
    full = session.scalar(size)
    session.rollback()
    with unit_of_work() as unit:
        assert give_back_week(unit, week_of(200)) is Space.REWRITTEN
    assert full is not None
    assert (session.scalar(size) or full) < full / 2
    assert session.execute(everything).all() == before
    session.rollback()
    with unit_of_work() as unit:
        assert give_back_week(unit, week_of(200)) is Space.KEPT
    for statement in ("delete from log", "update log set message = ''", f"truncate {part}", f"delete from {part}"):
        with pytest.raises(ProgrammingError, match="append-only"):
            session.execute(text(statement))
        session.rollback()


def test_a_partition_with_a_name_of_its_own_is_left_alone(context: Flask, session: Session) -> None:
    bounds = "for values from ('1999-01-01') to ('2000-01-01')"
    session.execute(text(f"create table log_archive partition of log {bounds}"))
    try:
        assert datetime(1999, 1, 1, tzinfo=UTC) not in weeks_ended_before(session, NOW)
    finally:
        session.rollback()


def test_a_week_with_a_row_that_is_not_critical_is_not_rewritten(
    context: Flask, fill: Fill, session: Session
) -> None:
    fill("CRITICAL", 200, count=3)
    fill("ERROR", 200, count=2000)
    with unit_of_work() as unit:
        delete_batch(unit, LogLevel.ERROR, NOW - timedelta(days=90), BEGINNING, most=1999)
    with unit_of_work() as unit:
        assert give_back_week(unit, week_of(200)) is Space.KEPT
    assert held(session) == {"CRITICAL": 3, "ERROR": 1}


@pytest.mark.parametrize("days", [-7, 0, 30, 89])
def test_a_young_week_is_never_given_back(context: Flask, days: int) -> None:
    with pytest.raises(ProgrammingError, match="too young"), unit_of_work() as unit:
        give_back_week(unit, NOW - timedelta(days=days))


def test_settings_policy_and_database_agree(context: Flask) -> None:
    assert dict(POLICY) == POLICY_DAYS
    kept = keepings(db.session(), POLICY_DAYS)
    assert [(k.level, k.days, k.is_shorter) for k in kept] == [
        (level, days, False) for level, days in POLICY.items()
    ]


def test_the_databases_floor_wins_over_a_shorter_setting() -> None:
    lowered = Keeping(LogLevel.INFO, policy_days=30, set_days=7, floor_days=7)
    floored = Keeping(LogLevel.INFO, policy_days=30, set_days=7, floor_days=30)
    assert (lowered.days, lowered.is_shorter) == (7, True)
    assert (floored.days, floored.is_shorter) == (30, False)


def test_cut_offs_fall_on_the_start_of_an_hour() -> None:
    moment = datetime(2026, 3, 31, 2, 59, 59, 999999, tzinfo=UTC)
    keeping = Keeping(LogLevel.INFO, 30, 30, 30)
    assert keeping.cutoff(moment) == datetime(2026, 3, 1, 2, tzinfo=UTC)


@pytest.fixture(autouse=True)
def no_old_weeks(empty_database: None, owner_engine: Engine) -> Iterator[None]:
    """Other tests find the weeks that a new database has."""
    yield
    drop_old_weeks(owner_engine)
