"""Tells each step that did not come in time: one event a wait, however often the job runs."""

from flask import Flask

from portal.audit.actor import operation
from portal.domain.overdue import tell_overdue
from portal.domain.work import Clock, utc_now
from portal.jobs.reporting import housekeeping
from portal.jobs.runner import Run
from portal.queries.overdue import Overdue, overdue_steps
from portal.unit_of_work import unit_of_work


def work(app: Flask, run: Run) -> None:  # noqa: ARG001 -- every job is called so
    """Look at everything under way; each late step is an operation of its own."""
    with housekeeping(run):
        run.summary = {"told": 0}
        report(run, utc_now)


def report(run: Run, clock: Clock) -> None:
    """Tell what is late and untold, batch after batch, until nothing is."""
    while late := _untold(clock):
        for step in late:
            run.summary["told"] += _tell(step, clock)
        run.progress(run.summary["told"])


def _untold(clock: Clock) -> list[Overdue]:
    with unit_of_work() as session:
        return list(overdue_steps(session, now=clock(), untold=True))


def _tell(late: Overdue, clock: Clock) -> bool:
    with operation(), unit_of_work() as session:
        return tell_overdue(
            session,
            kind=late.kind,
            id=late.id,
            step=late.step,
            since=late.since,
            facts=late.facts,
            now=clock(),
        )
