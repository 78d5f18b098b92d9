"""The dead man's switch: a job without a success for two periods is told once an outage, as CRITICAL."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.audit.actor import SYSTEM
from portal.audit.system_log import log_critical
from portal.domain.jobs import Schedule, job_pause
from portal.domain.work import Clock
from portal.queries.job_search import LATE_SETTING, Setting, database_now, last_successes
from portal.unit_of_work import unit_of_work

PERIODS = 2
SINCE = "jobs_watched_since"


def tick(app: Flask, clock: Clock | None = None) -> None:
    """Look at every job by the database's clock; whoever ticks first tells."""
    schedules: Mapping[str, Schedule] = app.extensions["jobs"].schedules
    with app.app_context(), unit_of_work() as session:
        session.execute(select(func.pg_advisory_xact_lock(func.hashtext("callastar.job_watch"))))
        now = clock() if clock else database_now(session)
        since = _watched_since(session, now)
        successes = last_successes(session, list(schedules))
        for name, schedule in schedules.items():
            _look(session, schedule, successes.get(name), since, now)


def _watched_since(session: Session, now: datetime) -> datetime:
    """When the first look was taken: before it no job can have been late."""
    setting = session.get(Setting, SINCE)
    if setting is None:
        setting = Setting(name=SINCE, value=now.isoformat(), set_at=now)
        session.add(setting)
    return datetime.fromisoformat(setting.value)


def _look(session: Session, schedule: Schedule, success: datetime | None, since: datetime, now: datetime) -> None:
    told = session.get(Setting, LATE_SETTING + schedule.name)
    expected = (success or since) + PERIODS * schedule.every
    late = expected < now and job_pause(session, schedule.name) is None
    if late and told is None:
        facts: dict[str, Any] = {"job": schedule.name, "lastSuccessAt": success, "expectedBy": expected}
        value = {"since": now.isoformat(), "expectedBy": expected.isoformat()}
        session.add(Setting(name=LATE_SETTING + schedule.name, value=value, set_at=now))
        log_critical("CRON_JOB_LATE", SYSTEM.kind, None, None, facts, session=session)
    elif not late and told is not None:
        session.delete(told)
