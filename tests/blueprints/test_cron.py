"""Jobs started by an outside clock: who may, what it answers, and that one runs at a time."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from portal.config import POLICY_DAYS
from portal.jobs import process_payouts
from portal.models import JobRun, PayoutSchedule, RunState
from tests.factories import Factory
from tests.jobs.old_logs import drop_old_weeks, write_old

PATH = "/api/cron/process-payouts"
CLEANUP = "/api/cron/cleanup-logs"
SECRET = {"Authorization": "Bearer test-cron-secret"}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_it_answers_the_summary_of_the_run(
    app: Flask, factory: Factory, change_settings: Any, method: str, session: Session
) -> None:
    change_settings(payout_auto_approve_limit=Decimal(10_000))
    factory.creator(payout_schedule=PayoutSchedule.DAILY)
    answer = app.test_client().open(PATH, method=method, headers=SECRET)
    body = answer.get_json()
    assert answer.status_code == 200
    assert (body["processed"], body["succeeded"], body["failed"], body["skipped"]) == (1, 1, 0, 0)
    run = session.scalars(select(JobRun)).one()
    assert (body["runId"], body["state"]) == (str(run.id), "SUCCEEDED")


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "test-cron-secret"}, {"Authorization": "Bearer "},
     {"Authorization": "Bearer test-cron-secret "}, {"Authorization": "Bearer t\u00e9st"}],
)  # fmt: skip
def test_nobody_else_may(app: Flask, headers: dict[str, str], session: Session) -> None:
    for path in (PATH, "/api/cron/nothing"):
        assert app.test_client().post(path, headers=headers).status_code == 401
    assert session.scalars(select(JobRun)).all() == []


def test_without_a_secret_there_is_nothing_here(app: Flask, change_settings: Any) -> None:
    change_settings(cron_secret=None)
    assert app.test_client().post(PATH, headers={"Authorization": "Bearer "}).status_code == 404


def test_an_unknown_or_closed_job_is_not_found(app: Flask) -> None:
    for name in ("nothing", "keep-partitions"):
        assert app.test_client().get(f"/api/cron/{name}", headers=SECRET).status_code == 404


def test_looking_without_reading_starts_nothing(app: Flask, session: Session) -> None:
    assert app.test_client().head(PATH, headers=SECRET).status_code == 405
    assert session.scalars(select(JobRun)).all() == []


@pytest.mark.parametrize("job", ["process-payouts", "cleanup-logs"])
def test_one_runs_at_a_time(app: Flask, session: Session, job: str) -> None:
    now = datetime.now(UTC)
    session.add(
        JobRun(job=job, slot="x", state=RunState.RUNNING, node="n", started_at=now,
               heartbeat_at=now, lease_until=now + timedelta(minutes=1))
    )  # fmt: skip
    session.commit()
    answer = app.test_client().get(f"/api/cron/{job}", headers=SECRET)
    assert (answer.status_code, answer.get_json()["error"]) == (409, "CRON_JOB_REQUESTED")


def test_a_run_that_fails_says_so(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no creators today")

    monkeypatch.setattr(process_payouts, "due_creators", fail)
    answer = app.test_client().get(PATH, headers=SECRET)
    assert answer.status_code == 500
    assert answer.get_json()["details"]["state"] == "FAILED"
    assert "no creators today" in answer.get_json()["message"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_retention_answers_what_it_deleted(
    app: Flask, session: Session, change_settings: Any, method: str, owner_engine: Engine
) -> None:
    change_settings(retention_days=POLICY_DAYS)
    write_old(session, "INFO", 31, count=3)
    write_old(session, "WARNING", 61, count=2)
    answer = app.test_client().open(CLEANUP, method=method, headers=SECRET)
    drop_old_weeks(owner_engine)
    body = answer.get_json()
    assert (answer.status_code, body["job"], body["state"]) == (200, "cleanup-logs", "SUCCEEDED")
    assert [body[key] for key in ("deletedInfo", "deletedWarning", "deletedError", "held")] == [3, 2, 0, False]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
def test_nobody_else_may_delete(app: Flask, headers: dict[str, str], session: Session) -> None:
    assert app.test_client().post(CLEANUP, headers=headers).status_code == 401
    assert session.scalars(select(JobRun)).all() == []
