"""Jobs started by an outside clock, which knows CRON_SECRET: the same runs as the portal's own clock starts."""

from hmac import compare_digest

from flask import Blueprint, Response, abort, jsonify, make_response, request
from flask_babel import gettext as _

from portal.audit.actor import SYSTEM
from portal.blueprints.access import settings
from portal.blueprints.errors import json_error
from portal.blueprints.scheduled import desk, run_json, schedule_or_404
from portal.queries.job_search import JobRun, RunState, find_run
from portal.unit_of_work import reading

bp = Blueprint("cron", __name__, url_prefix="/api/cron")

OPEN = ("process-payouts", "cleanup-logs")


@bp.route("/<name>", methods=["GET", "POST"])
def run(name: str) -> Response:
    """Run a job and wait for it: its summary, 409 while one runs, 401 without the secret."""
    if request.method == "HEAD":
        abort(405)
    _authorise()
    if name not in OPEN:
        abort(404)
    run_id = desk().run_now(schedule_or_404(name).name, SYSTEM, wait=True)
    found = find_run(reading(), run_id)
    return _answer(found) if found else abort(404)


def _authorise() -> None:
    """Only whoever knows the secret; without one there is nothing here."""
    secret = settings().cron_secret
    if not secret:
        abort(404)
    given = request.headers.get("Authorization", "").encode("utf-8", "replace")
    if not compare_digest(given, f"Bearer {secret}".encode()):
        abort(401)


def _answer(run: JobRun) -> Response:
    told = run_json(run)
    if run.state is RunState.FAILED:
        error = (run.error or "").strip().rpartition("\n")[2]
        return json_error(500, "RUN_FAILED", _("L’exécution a échoué : %(error)s", error=error), told)
    return make_response(jsonify({**told.pop("summary"), **told}), 200)
