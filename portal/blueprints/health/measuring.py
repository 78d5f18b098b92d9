"""What each worker counts: requests by endpoint, method and status, how long they took, and its connections.

With PROMETHEUS_MULTIPROC_DIR (gunicorn.conf.py sets it) the numbers of all workers lie in files there, and
whichever worker answers /metrics adds them up.
"""

import time
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, g, request
from prometheus_client import Counter, Gauge, Histogram

from portal.audit import writer
from portal.unit_of_work import reading

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

REQUESTS = Counter("portal_requests", "Requests answered", ["endpoint", "method", "status"])
DURATION = Histogram("portal_request_seconds", "Seconds until the answer was ready", ["endpoint"], buckets=SECONDS)
VIOLATIONS = Gauge(
    "portal_catalogue_violations", "Rows that broke the catalogue of events", ["type"], multiprocess_mode="sum"
)
CONNECTIONS = Gauge(
    "portal_db_connections", "Database connections of the workers", ["state"], multiprocess_mode="livesum"
)
NOTED_EVERY = 1.0
"""Seconds between two words of a worker about itself, however many requests it answers meanwhile."""


@dataclass(slots=True)
class Noted:
    """When this worker last said how it is, on the monotonic clock."""

    at: float = 0.0


_noted = Noted()


def register(app: Flask) -> None:
    """Measure every request."""
    app.before_request(_begin)
    app.after_request(_count)


def _begin() -> None:
    g.began = time.perf_counter()


def _count(response: Response) -> Response:
    endpoint = request.endpoint or "none"
    method = request.method if request.method in METHODS else "other"
    REQUESTS.labels(endpoint, method, str(response.status_code)).inc()
    if (began := g.pop("began", None)) is not None:
        DURATION.labels(endpoint).observe(time.perf_counter() - began)
    if time.monotonic() - _noted.at > NOTED_EVERY:
        note_worker()
    return response


def note_worker() -> None:
    """What this worker knows of itself; the newest word counts."""
    _noted.at = time.monotonic()
    for type, n in writer.violation_counts().items():
        VIOLATIONS.labels(type).set(n)
    pools: list[Any] = [getattr(engine, "pool", None) for engine in (reading().get_bind(), writer.apart().engine)]
    CONNECTIONS.labels("used").set(sum(pool.checkedout() for pool in pools if pool))
    CONNECTIONS.labels("idle").set(sum(pool.checkedin() for pool in pools if pool))
