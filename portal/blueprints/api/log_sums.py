"""JSON of the log's sums: over time, by facet, altogether."""

from typing import Any

from flask import Response, jsonify, request

from portal.blueprints.access import READERS, me, requires
from portal.blueprints.api import bp
from portal.blueprints.logs.charts import cutoffs, reader_zone
from portal.blueprints.moments import iso
from portal.domain.work import utc_now
from portal.queries.histogram import log_histogram
from portal.queries.log_counts import Sums
from portal.queries.log_search import LogSearch
from portal.unit_of_work import reading_books


@bp.get("/admin/system-logs/histogram")
@requires(*READERS)
def log_bars() -> Response:
    """The log over time, by level."""
    search = _searched()
    found = log_histogram(reading_books(), search, now=utc_now(), zone=reader_zone(), cutoffs=cutoffs())
    bars = [
        {"start": iso(bar.start), "end": iso(bar.end), "total": bar.total, "counts": dict(bar.counts)}
        for bar in found.bars
    ]
    step = found.step.name if found.step else None
    missing = {level: iso(until) for level, until in found.missing.items()}
    return jsonify(step=step, timezone=str(reader_zone()), bars=bars, missing=missing, **told(found.counted))


def told(counted: Sums) -> dict[str, Any]:
    """What a reader must know of a count."""
    return {
        "total": counted.total,
        "source": "counts" if counted.by_hours else "rows",
        "countedSince": iso(counted.reach) if counted.reach else None,
        "outlived": counted.outlived,
        "widened": counted.widened,
    }


def _searched() -> LogSearch:
    return LogSearch.from_args(request.args, now=utc_now(), tz=me().timezone)
