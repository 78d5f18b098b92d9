"""Runs a job once a slot over any number of workers and nodes: claim, heartbeat, takeover, fencing.

A slot is the start of a job's period in UTC, or a manual run's own name. Whoever inserts the row of
(job, slot) runs it; when its lease ends without a heartbeat, another worker takes it over with the
next fencing number, and the first, should it wake, finds that its number no longer writes.
"""

import os
import socket
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from portal.audit.actor import operation
from portal.audit.outage import is_unreachable
from portal.queries.job_search import JobRun, RunState, is_running, uuid7
from portal.unit_of_work import unit_of_work

LEASE = timedelta(seconds=60)
MOST_TAKEOVERS = 5
"""A run that loses its database so often is FAILED: it may be what brings the database down."""
NODE = f"{socket.gethostname()}:{os.getpid()}"


class LeaseLostError(Exception):
    """Another worker has taken the run over: stop, and write nothing."""


@dataclass(slots=True)
class Run:
    """A claimed run, handed to the job's work; `summary` is kept with every progress, over a takeover too."""

    id: UUID
    job: str
    slot: str
    fence: int
    summary: dict[str, Any] = field(default_factory=dict)
    lease: timedelta = LEASE

    @property
    def is_takeover(self) -> bool:
        """Whether another worker began this run and stopped."""
        return self.fence > 1

    def progress(self, done: int, total: int | None = None) -> None:
        """Say how far the run is and keep its lease. Raises LeaseLostError."""
        with unit_of_work() as session:
            self.record(session, self.summary, done, total)

    def record(self, session: Session, summary: dict[str, Any], done: int, total: int | None = None) -> None:
        """The same in the transaction of the work itself: both are kept or neither. Raises LeaseLostError."""
        lease_until = func.clock_timestamp() + self.lease
        self._write(session, done=done, total=total, summary=summary, lease_until=lease_until)

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
    """Run `work` as the holder of (job, slot); None when somebody else runs the job, or ran the slot already."""
    run = claim(job, slot)
    if run is not None:
        carry_out(run, work)
    return run


def carry_out(run: Run, work: Callable[[Run], None]) -> None:
    """Do the work of a claimed run and end it; an error ends it FAILED with its stack, and is raised.

    A lost database ends nothing: when the lease is over, whoever reaches it first takes the run over.
    """
    with operation(run.id):
        try:
            work(run)
        except LeaseLostError:
            return
        except Exception as error:
            if is_unreachable(error) and run.fence <= MOST_TAKEOVERS:
                raise
            run.finish(RunState.FAILED, "".join(traceback.format_exception(error)))
            raise
        run.finish(RunState.SUCCEEDED)


def claim(job: str, slot: str, lease: timedelta = LEASE) -> Run | None:
    """The run of (job, slot), its row inserted or taken over from a holder who stopped; else None.

    A job runs once at a time, whatever the slots; the database's clock decides whose lease holds.
    """
    now = func.clock_timestamp()
    fresh = {"node": NODE, "started_at": now, "heartbeat_at": now, "lease_until": now + lease}
    statement = insert(JobRun).values(id=uuid7(), job=job, slot=slot, state=RunState.RUNNING, fence=1, **fresh)
    takeover = statement.on_conflict_do_update(
        constraint="uq_job_run_job_slot",
        set_={**fresh, "fence": JobRun.fence + 1},
        where=(JobRun.state == RunState.RUNNING) & (JobRun.lease_until < now),
    )
    with unit_of_work() as session:
        session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"callastar.job:{job}"))))
        if is_running(session, job):
            return None
        row = session.execute(takeover.returning(JobRun.id, JobRun.fence, JobRun.summary)).first()
    return None if row is None else Run(row.id, job, slot, row.fence, row.summary, lease)
