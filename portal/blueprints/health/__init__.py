"""Whether the portal lives, and whether it is ready to serve."""

from flask import Blueprint, Response, jsonify, make_response

from portal.queries.dashboard import database_answers
from portal.unit_of_work import reading

bp = Blueprint("health", __name__)


@bp.get("/healthz")
def healthz() -> Response:
    """The process answers."""
    return make_response(jsonify(status="ok"), 200)


@bp.get("/readyz")
def readyz() -> Response:
    """The database answers and has its tables."""
    ready = database_answers(reading())
    return make_response(jsonify(status="ok" if ready else "unavailable"), 200 if ready else 503)
