"""The desk that runs jobs, and runs as JSON: for the job pages, the JSON API and outside clocks."""

from typing import Any, cast

from flask import abort, current_app

from portal.blueprints.moments import iso
from portal.domain.jobs import JobDesk, Schedule
from portal.queries.job_search import JobRun, JobState


def desk() -> JobDesk:
    """The application's desk."""
    return cast(JobDesk, current_app.extensions["jobs"])


def schedule_or_404(name: str) -> Schedule:
    """The schedule of a job that exists."""
    schedule = desk().schedules.get(name)
    return schedule if schedule else abort(404)


def run_json(run: JobRun) -> dict[str, Any]:
    """A run with the counts it has kept."""
    ended = run.ended_at
    return {
        "runId": str(run.id),
        "job": run.job,
        "slot": run.slot,
        "state": run.state,
        "node": run.node,
        "startedAt": iso(run.started_at),
        "endedAt": iso(ended) if ended else None,
        "durationMs": round((ended - run.started_at).total_seconds() * 1000) if ended else None,
        "done": run.done,
        "total": run.total,
        "summary": run.summary,
        "error": run.error,
    }


def job_json(state: JobState, schedule: Schedule, next_run: str) -> dict[str, Any]:
    """How a job stands."""
    return {
        "name": state.name,
        "everySeconds": int(schedule.every.total_seconds()),
        "nextRunAt": None if state.pause else next_run,
        "lastSuccessAt": iso(state.last_success) if state.last_success else None,
        "late": state.late is not None,
        "paused": dict(state.pause) if state.pause else None,
        "runs": dict(state.counts),
        "lastRun": run_json(state.newest) if state.newest else None,
    }
