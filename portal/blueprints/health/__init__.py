"""Whether the portal lives, whether it is ready to serve, and what it measures."""

import os
from hmac import compare_digest
from ipaddress import ip_address

from flask import Blueprint, Response, abort, current_app, jsonify, make_response, request
from prometheus_client.core import Metric

from portal.audit import writer
from portal.audit.outage import is_unreachable
from portal.blueprints.access import settings
from portal.blueprints.health import exposing, measuring
from portal.blueprints.scheduled import desk
from portal.domain.work import utc_now
from portal.queries.job_search import last_successes
from portal.queries.measures import measures
from portal.queries.readiness import reached_revision
from portal.unit_of_work import long_reading, reading

bp = Blueprint("health", __name__)
FORWARDED = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "Via")


@bp.get("/healthz")
def healthz() -> Response:
    """The process answers."""
    return make_response(jsonify(status="ok"), 200)


@bp.get("/readyz")
def readyz() -> Response:
    """The database answers, has every migration, and the instance folder takes files; else 503 says which."""
    reached = reached_revision(reading())
    newest = current_app.extensions["newest_revision"]()
    reasons = {
        "database": None if reached is not None else "no answer",
        "migrations": None if reached in {None, newest} else f"at {reached or 'none'}, the code wants {newest}",
        "instance": None if _writable() else "not writable",
    }
    wrong = {part: reason for part, reason in reasons.items() if reason}
    answer = {"status": "unavailable" if wrong else "ok", "reasons": wrong}
    return make_response(jsonify(answer), 503 if wrong else 200)


def _writable() -> bool:
    """A file that is made and removed; a full disk refuses its byte."""
    folder = settings().instance
    probe = folder / f".ready-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_text("x")
        probe.unlink(missing_ok=True)
    except OSError:
        return False
    return True


@bp.get("/metrics")
def metrics() -> Response:
    """Prometheus's text; nothing for whoever lacks METRICS_TOKEN, or without one asks from elsewhere."""
    if not _may_measure():
        abort(404)
    measuring.note_worker()
    answer = make_response(exposing.exposition([*_database(), _spool()]))
    answer.headers["Content-Type"] = exposing.CONTENT_TYPE
    return answer


def _may_measure() -> bool:
    """The token; without one only this machine, and never through a proxy, which would be everybody."""
    token = settings().metrics_token
    if token is not None:
        given = request.headers.get("Authorization", "").encode("utf-8", "replace")
        return compare_digest(given, f"Bearer {token}".encode())
    if any(name in request.headers for name in FORWARDED):
        return False
    try:
        return ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False


def _database() -> list[Metric]:
    """What the database says; one number while it says nothing."""
    now = utc_now()
    try:
        with long_reading() as moment:
            found = measures(moment, now=now)
        jobs = exposing.of_jobs(last_successes(reading(), list(desk().schedules)))
    except Exception as error:
        if not is_unreachable(error):
            raise
        return [exposing.single("database_up", "Whether the database answers", 0)]
    up = exposing.single("database_up", "Whether the database answers", 1)
    return [up, *exposing.of_database(found, now=now), jobs]


def _spool() -> Metric:
    spool = writer.apart().spool
    return exposing.single("spool_lines", "Rows that wait on this machine's disk", spool.lines() if spool else 0)
