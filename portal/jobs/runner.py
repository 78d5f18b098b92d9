"""Runs a job once a slot over any number of workers and nodes: claim, heartbeat, takeover, fencing.

A slot is the start of a job's period in UTC, or a manual run's own name. Whoever inserts the row of
(job, slot) runs it; when its lease ends without a heartbeat, another worker takes it over with the
next fencing number, and the first, should it wake, finds that its number no longer writes.
"""

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from portal.audit.actor import operation
from portal.models import JobRun, RunState, uuid7
from portal.unit_of_work import unit_of_work

LEASE = timedelta(seconds=60)
NODE = f"{socket.gethostname()}:{os.getpid()}"


class LeaseLostError(Exception):
    """Another worker has taken the run over: stop, and write nothing."""


@dataclass(slots=True)
class Run:
    """A claimed run, handed to the job's work; `summary` becomes the run's record."""

    id: UUID
    job: str
    slot: str
    fence: int
    summary: dict[str, Any] = field(default_factory=dict)

    def progress(self, done: int, total: int | None = None) -> None:
        """Say how far the run is and keep its lease. Raises LeaseLostError."""
        with unit_of_work() as session:
            self._write(session, done=done, total=total, lease_until=func.clock_timestamp() + LEASE)

    def _write(self, session: Session, **values: Any) -> None:
        mine = (JobRun.id == self.id, JobRun.fence == self.fence, JobRun.state == RunState.RUNNING)
        change = update(JobRun).where(*mine).values(heartbeat_at=func.clock_timestamp(), **values)
        if session.execute(change.returning(JobRun.id)).first() is None:
            raise LeaseLostError(f"{self.job} {self.slot}: taken over")

    def finish(self, state: RunState, error: str | None = None) -> None:
        """End the run. Raises LeaseLostError."""
        with unit_of_work() as session:
            self._write(session, state=state, ended_at=func.clock_timestamp(), summary=self.summary, error=error)


def slot_of(moment: datetime, every: timedelta) -> str:
    """The slot that `moment` lies in: the start of its period, counted from 1970 in UTC."""
    seconds = int(every.total_seconds())
    start = int(moment.timestamp()) // seconds * seconds
    return datetime.fromtimestamp(start, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def run_slot(job: str, slot: str, work: Callable[[Run], None]) -> Run | None:
    """Run `work` as the holder of (job, slot); None when somebody else runs it, or ran it already."""
    run = _claim(job, slot)
    if run is None:
        return None
    with operation(run.id):
        try:
            work(run)
        except LeaseLostError:
            return run
        except Exception as error:
            run.finish(RunState.FAILED, f"{type(error).__name__}: {error}")
            raise
        run.finish(RunState.SUCCEEDED)
    return run


def _claim(job: str, slot: str) -> Run | None:
    """Insert the slot's row, or take over one whose holder has stopped; the database's clock decides."""
    now = func.clock_timestamp()
    fresh = {"node": NODE, "started_at": now, "heartbeat_at": now, "lease_until": now + LEASE}
    statement = insert(JobRun).values(id=uuid7(), job=job, slot=slot, state=RunState.RUNNING, fence=1, **fresh)
    takeover = statement.on_conflict_do_update(
        constraint="uq_job_run_job_slot",
        set_={**fresh, "fence": JobRun.fence + 1},
        where=(JobRun.state == RunState.RUNNING) & (JobRun.lease_until < now),
    )
    with unit_of_work() as session:
        row = session.execute(takeover.returning(JobRun.id, JobRun.fence)).first()
    return None if row is None else Run(row.id, job, slot, row.fence)


def is_running(session: Session, job: str) -> bool:
    """Whether a run of the job is under way, its lease in force."""
    alive = (JobRun.state == RunState.RUNNING, JobRun.lease_until > func.clock_timestamp())
    return session.scalar(select(JobRun.id).where(JobRun.job == job, *alive).limit(1)) is not None
