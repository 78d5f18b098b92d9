"""A job whose every effect leaves a trace, and the process that ticks it, to be killed or frozen.

Beginning leaves a row as it comes: (slot, fence, pid). The effect is a row too, in one transaction with the run's
progress: a run that was taken over cannot commit it, and one that takes over sees that it was done.
"""

import os
import time
from datetime import timedelta
from pathlib import Path

from flask import Flask
from sqlalchemy import URL, create_engine, text
from sqlalchemy.pool import NullPool

from portal.domain.jobs import Schedule
from portal.jobs.desk import Desk, Job
from portal.jobs.runner import Run
from portal.unit_of_work import unit_of_work

JOB = "leave-a-trace"
EVERY = timedelta(seconds=2)
LEASE = timedelta(seconds=0.8)
WORK_SECONDS = 0.3
STEPS = 3
TICK_SECONDS = 0.1
TABLE = """
create table if not exists effect (
    slot text not null, fence integer not null, pid integer not null, run_id uuid not null,
    what text not null, at timestamptz not null default clock_timestamp()
);
grant select, insert on effect to callastar_app;
"""
TRACE = text("insert into effect (slot, fence, pid, run_id, what) values (:slot, :fence, :pid, :run, :what)")


def make_table(owner: URL) -> None:
    """Where the effects are recorded, beside the portal's own tables."""
    with create_engine(owner, poolclass=NullPool).begin() as connection:
        connection.execute(text(TABLE))


def trace(run: Run, what: str) -> None:
    """Record that this process has come so far; what is done is so only while the run is ours."""
    facts = {"slot": run.slot, "fence": run.fence, "run": run.id}
    with unit_of_work() as session:
        session.execute(TRACE, {**facts, "pid": os.getpid(), "what": what})
        if what == "done":
            run.summary["done"] = True
            run.record(session, run.summary, STEPS, STEPS)


class Tracer:
    """The work: begin, take some time with heartbeats, end; while a file exists it waits, with or without them."""

    def __init__(self, hold: Path | None = None, *, beats: bool = False) -> None:
        self.hold = hold
        self.beats = beats

    def __call__(self, app: Flask, run: Run) -> None:
        if run.summary.get("done"):
            return
        trace(run, "begun")
        while self.hold is not None and self.hold.exists():
            time.sleep(0.05)
            if self.beats:
                run.progress(0, STEPS)
        if self.hold is not None:
            trace(run, "awake")
        for step in range(STEPS):
            time.sleep(WORK_SECONDS / STEPS)
            if self.hold is None:
                run.progress(step, STEPS)
        trace(run, "done")


def desk_of(app: Flask, tracer: Tracer) -> Desk:
    """A desk with the one job, on a short lease."""
    return Desk(app, {JOB: Job(Schedule(JOB, EVERY), tracer)}, lease=LEASE)


def tick_until(app: Flask, stop: Path, tracer: Tracer | None = None) -> None:
    """What a worker's clock does, without the rest of the worker, until `stop` exists."""
    desk = desk_of(app, tracer or Tracer())
    while not stop.exists():
        desk.tick(JOB)
        time.sleep(TICK_SECONDS)
