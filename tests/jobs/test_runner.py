"""A slot runs once, whoever ticks; a dead holder is taken over, and a late one writes nothing."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.jobs.runner import LeaseLostError, Run, is_running, run_slot, slot_of
from portal.models import JobRun, RunState


def rows(session: Session) -> list[JobRun]:
    session.rollback()
    return list(session.scalars(select(JobRun).execution_options(populate_existing=True)))


def test_a_slot_runs_once_over_many_workers(app: Flask, session: Session) -> None:
    ran = []

    def tick(_: int) -> bool:
        with app.app_context():
            return run_slot("daily", "2026-11-22", lambda run: ran.append(run.id)) is not None

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(tick, range(24)))
    assert (outcomes.count(True), len(ran)) == (1, 1)
    [row] = rows(session)
    assert (row.state, row.fence) == (RunState.SUCCEEDED, 1)
    assert row.ended_at is not None


def test_every_slot_runs(context: Flask, session: Session) -> None:
    for slot in ("a", "b", "a", "c"):
        run_slot("daily", slot, lambda run: None)
    assert sorted(row.slot for row in rows(session)) == ["a", "b", "c"]


def test_a_run_keeps_its_progress_and_summary(context: Flask, session: Session) -> None:
    def work(run: Run) -> None:
        run.progress(5, 20)
        run.summary["processed"] = 5

    run_slot("daily", "a", work)
    [row] = rows(session)
    assert (row.done, row.total, row.summary) == (5, 20, {"processed": 5})


def test_a_failed_run_keeps_its_error_and_stays_a_failure(context: Flask, session: Session) -> None:
    def work(run: Run) -> None:
        raise ValueError("no such creator")

    with pytest.raises(ValueError, match="no such creator"):
        run_slot("daily", "a", work)
    [row] = rows(session)
    assert row.state is RunState.FAILED
    assert row.error is not None
    assert row.error.startswith("Traceback")
    assert row.error.endswith("ValueError: no such creator\n")
    assert run_slot("daily", "a", work) is None


def test_a_dead_holder_is_taken_over_and_writes_nothing_when_it_wakes(context: Flask, session: Session) -> None:
    frozen: list[Run] = []

    def freeze(run: Run) -> None:
        frozen.append(run)
        session.execute(text("update job_run set lease_until = now() - interval '1 second'"))
        session.commit()
        taken = run_slot("daily", "a", lambda other: None)
        assert taken is not None
        assert taken.fence == 2
        run.progress(1)

    assert run_slot("daily", "a", freeze) is not None
    [row] = rows(session)
    assert (row.state, row.fence, row.done) == (RunState.SUCCEEDED, 2, 0)
    with pytest.raises(LeaseLostError):
        frozen[0].finish(RunState.FAILED)


def test_a_running_slot_is_not_taken_while_its_lease_holds(context: Flask, session: Session) -> None:
    def work(run: Run) -> None:
        assert is_running(session, "daily")
        assert run_slot("daily", "a", lambda other: None) is None

    run_slot("daily", "a", work)
    session.rollback()
    assert not is_running(session, "daily")


@pytest.mark.parametrize(
    ("moment", "every", "slot"),
    [
        (datetime(2026, 11, 22, 14, 7, 31, tzinfo=UTC), timedelta(minutes=15), "2026-11-22T14:00:00Z"),
        (datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC), timedelta(days=1), "2026-11-22T00:00:00Z"),
        (datetime(2024, 2, 29, 1, tzinfo=UTC), timedelta(hours=1), "2024-02-29T01:00:00Z"),
        (datetime(2026, 10, 25, 2, 30, tzinfo=UTC), timedelta(hours=1), "2026-10-25T02:00:00Z"),
    ],
)
def test_a_slot_is_the_start_of_its_period_in_utc(moment: datetime, every: timedelta, slot: str) -> None:
    assert slot_of(moment, every) == slot
