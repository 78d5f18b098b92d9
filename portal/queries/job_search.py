"""What jobs did: their runs, whether one is under way, and how each job stands."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from portal.models import Creator
from portal.models import JobRun as JobRun
from portal.models import RunState as RunState
from portal.models import Setting as Setting
from portal.models import uuid7 as uuid7
from portal.models.job_run import LATE_SETTING as LATE_SETTING
from portal.models.job_run import PAUSE_SETTING

RUNS_SHOWN = 50
COUNTED = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class JobState:
    """How one job stands: its newest run, its last success, its runs of 30 days by outcome, its pause."""

    name: str
    newest: JobRun | None
    last_success: datetime | None
    counts: Mapping[RunState, int]
    pause: Mapping[str, Any] | None
    late: Mapping[str, Any] | None


def job_states(session: Session, names: Iterable[str], *, now: datetime) -> list[JobState]:
    """How each of these jobs stands, in their order."""
    wanted = list(names)
    newest = {run.job: run for run in _newest(session, wanted)}
    success = last_successes(session, wanted)
    counts = _counts(session, wanted, now - COUNTED)
    found = _settings(session, wanted)
    return [
        JobState(
            name,
            newest.get(name),
            success.get(name),
            counts.get(name, {}),
            found.get(PAUSE_SETTING + name),
            found.get(LATE_SETTING + name),
        )
        for name in wanted
    ]


def _newest(session: Session, names: Sequence[str]) -> Sequence[JobRun]:
    query = select(JobRun).ext(distinct_on(JobRun.job)).where(JobRun.job.in_(names))
    query = query.order_by(JobRun.job, JobRun.started_at.desc())
    return session.scalars(query.execution_options(populate_existing=True)).all()


def last_successes(session: Session, names: Sequence[str]) -> dict[str, datetime]:
    """When each of these jobs last succeeded; jobs that never did are left out."""
    query = select(JobRun.job, func.max(JobRun.ended_at))
    query = query.where(JobRun.job.in_(names), JobRun.state == RunState.SUCCEEDED)
    return {job: at for job, at in session.execute(query.group_by(JobRun.job)) if at is not None}


def _counts(session: Session, names: Sequence[str], since: datetime) -> dict[str, dict[RunState, int]]:
    query = select(JobRun.job, JobRun.state, func.count())
    query = query.where(JobRun.job.in_(names), JobRun.started_at >= since).group_by(JobRun.job, JobRun.state)
    counts: dict[str, dict[RunState, int]] = {}
    for job, state, n in session.execute(query):
        counts.setdefault(job, {})[state] = n
    return counts


def _settings(session: Session, names: Sequence[str]) -> dict[str, Any]:
    keys = [prefix + name for prefix in (PAUSE_SETTING, LATE_SETTING) for name in names]
    query = select(Setting.name, Setting.value).where(Setting.name.in_(keys))
    return {row.name: row.value for row in session.execute(query)}


def job_runs(session: Session, name: str) -> Sequence[JobRun]:
    """The newest runs of a job, freshly read."""
    query = select(JobRun).where(JobRun.job == name).order_by(JobRun.started_at.desc()).limit(RUNS_SHOWN)
    return session.scalars(query.execution_options(populate_existing=True)).all()


def find_run(session: Session, run_id: UUID) -> JobRun | None:
    """A run, freshly read."""
    return session.get(JobRun, run_id, populate_existing=True)


def database_now(session: Session) -> datetime:
    """The database's clock, which all nodes share: a node whose own is wrong claims no slot too early."""
    moment: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    return moment


def find_slot(session: Session, job: str, slot: str) -> JobRun | None:
    """The run of a slot, or None when nobody has begun it."""
    query = select(JobRun).where(JobRun.job == job, JobRun.slot == slot)
    return session.scalar(query.execution_options(populate_existing=True))


def abandoned_slots(session: Session, job: str) -> Sequence[str]:
    """Slots whose holder stopped without ending its run, oldest first."""
    stopped = (JobRun.state == RunState.RUNNING, JobRun.lease_until < func.clock_timestamp())
    query = select(JobRun.slot).where(JobRun.job == job, *stopped)
    return session.scalars(query.order_by(JobRun.started_at)).all()


def is_running(session: Session, job: str) -> bool:
    """Whether a run of the job is under way, its lease in force."""
    alive = (JobRun.state == RunState.RUNNING, JobRun.lease_until > func.clock_timestamp())
    return session.scalar(select(JobRun.id).where(JobRun.job == job, *alive).limit(1)) is not None


def creators_by_id(session: Session, ids: Sequence[str]) -> dict[str, Creator]:
    """The creators that a run's summary names."""
    query = select(Creator).where(Creator.id.in_([UUID(given) for given in ids]))
    return {str(creator.id): creator for creator in session.scalars(query)} if ids else {}
