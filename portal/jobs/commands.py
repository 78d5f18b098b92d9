"""`flask jobs …`: what an operator asks of the jobs. Commands start no clock."""

import click
from flask import current_app
from flask.cli import AppGroup

from portal.audit.actor import SYSTEM
from portal.domain.jobs import JobRefused
from portal.domain.work import utc_now
from portal.jobs import keep_partitions
from portal.jobs.desk import JOBS, Desk
from portal.queries.job_search import RunState, find_run, job_states
from portal.unit_of_work import reading

jobs = AppGroup("jobs", help="Scheduled jobs.")


@jobs.command("list")
def list_jobs() -> None:
    """Every job: its newest run, its last success, when it is due next."""
    now = utc_now()
    for state in job_states(reading(), JOBS, now=now):
        newest = f"{state.newest.state} {state.newest.started_at:%Y-%m-%d %H:%M:%S}" if state.newest else "-"
        due = "paused" if state.pause else f"{JOBS[state.name].schedule.next_start(now):%Y-%m-%d %H:%M}"
        success = f"{state.last_success:%Y-%m-%d %H:%M}" if state.last_success else "-"
        late = "  LATE" if state.late else ""
        click.echo(f"{state.name:<20} last {newest:<30} success {success:<18} next {due}{late}")


@jobs.command("run")
@click.argument("name", type=click.Choice(sorted(JOBS)))
def run_job(name: str) -> None:
    """Run a job now, in a slot of its own, and wait for it."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    keep_partitions.tick(app)
    try:
        run_id = Desk(app).run_now(name, SYSTEM, wait=True)
    except JobRefused as refusal:
        raise click.ClickException(str(refusal)) from refusal
    run = find_run(reading(), run_id)
    if run is None or run.state is not RunState.SUCCEEDED:
        raise click.ClickException((run.error if run else None) or f"{name}: taken over by another worker")
    counts = {key: value for key, value in run.summary.items() if isinstance(value, int | str)}
    click.echo(f"{name} {run.state} " + " ".join(f"{key}={value}" for key, value in counts.items()))
