"""The list of jobs, one job with its runs, and the progress of the run under way."""

from typing import Any

from flask import Response, make_response, render_template

from portal.blueprints.access import READERS, requires
from portal.blueprints.jobs import bp, words
from portal.blueprints.jobs.cleanup import kept_days
from portal.blueprints.scheduled import desk, schedule_or_404
from portal.domain.work import utc_now
from portal.queries import job_search, log_retention, reconciliation
from portal.queries.job_search import JobRun, RunState
from portal.unit_of_work import reading


@bp.get("")
@requires(*READERS)
def index() -> str:
    """Every job: how it stands, when it runs next."""
    now, schedules = utc_now(), desk().schedules
    states = job_search.job_states(reading(), schedules, now=now)
    next_runs = {name: schedule.next_start(now) for name, schedule in schedules.items()}
    return render_template("jobs/index.html", states=states, schedules=schedules, next_runs=next_runs, **_shown())


@bp.get("/<name>")
@requires(*READERS)
def detail(name: str) -> str:
    """One job: its last runs, what the newest found, and what may be done."""
    schedule, now = schedule_or_404(name), utc_now()
    [state] = job_search.job_states(reading(), [name], now=now)
    runs = job_search.job_runs(reading(), name)
    return render_template(
        "jobs/detail.html",
        state=state,
        schedule=schedule,
        next_run=schedule.next_start(now),
        runs=runs,
        running=_running(runs),
        counted=_counted(runs) if name == "process-payouts" else None,
        people=_people(runs),
        compared=reconciliation.last_comparison(reading()) if name == reconciliation.JOB else None,
        has_comparison=name == reconciliation.JOB,
        kept=kept_days() if name == log_retention.JOB else None,
        held=_held(runs),
        **_shown(),
    )


@bp.get("/<name>/progress")
@requires(*READERS)
def progress(name: str) -> Response:
    """The bar of the run under way; when there is none any more, the page is asked for again."""
    running = _running(job_search.job_runs(reading(), schedule_or_404(name).name))
    response = make_response(render_template("jobs/_progress.html", running=running, **_shown()))
    if running is None:
        response.headers["X-Reload"] = "true"
    return response


def _shown() -> dict[str, Any]:
    return {"words": words, "now": utc_now()}


def _running(runs: Any) -> JobRun | None:
    now = utc_now()
    alive = (run for run in runs if run.state is RunState.RUNNING and run.lease_until > now)
    return next(alive, None)


def _held(runs: Any) -> JobRun | None:
    """The newest run, when it waits for a person's word."""
    newest = next(iter(runs), None)
    return newest if newest is not None and newest.summary.get("held") else None


def _counted(runs: Any) -> JobRun | None:
    """The newest run that looked at somebody."""
    return next((run for run in runs if run.summary.get("processed")), None)


def _people(runs: Any) -> dict[str, Any]:
    """The creators that the newest counted run did not pay, by id."""
    counted = _counted(runs)
    ids = [one["creatorId"] for one in counted.summary.get("unpaid", [])] if counted else []
    return job_search.creators_by_id(reading(), ids)
