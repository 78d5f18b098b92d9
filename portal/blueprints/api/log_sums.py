"""JSON of both books' sums: over time, by facet, altogether."""

from collections.abc import Sequence
from typing import Any

from flask import Response, jsonify, request

from portal.blueprints.access import READERS, me, requires
from portal.blueprints.api import bp
from portal.blueprints.chart import reader_zone
from portal.blueprints.logs.charts import cutoffs
from portal.blueprints.moments import iso
from portal.domain.work import utc_now
from portal.queries.facets import Facet, log_facets, log_total
from portal.queries.histogram import Histogram, log_histogram
from portal.queries.log_counts import Sums
from portal.queries.log_search import LogSearch
from portal.queries.parameters import flag
from portal.queries.totals import Total
from portal.queries.transaction_search import TransactionSearch, transaction_total
from portal.queries.transaction_sums import transaction_facets, transaction_histogram
from portal.unit_of_work import reading_books


@bp.get("/admin/system-logs/histogram")
@requires(*READERS)
def log_bars() -> Response:
    """The log over time, by level."""
    search = _searched()
    found = log_histogram(reading_books(), search, now=utc_now(), zone=reader_zone(), cutoffs=cutoffs())
    return _drawn(found)


@bp.get("/admin/logs/histogram")
@requires(*READERS)
def transaction_bars() -> Response:
    """The book of money over time, by the level of its events."""
    search = TransactionSearch.from_args(request.args, now=utc_now(), tz=me().timezone)
    return _drawn(transaction_histogram(reading_books(), search, now=utc_now(), zone=reader_zone()))


def _drawn(found: Histogram) -> Response:
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


@bp.get("/admin/system-logs/facets")
@requires(*READERS)
def facets() -> Response:
    """Each level, type and actor with its count, the field's own filter left out."""
    found = log_facets(reading_books(), _searched(), cutoffs())
    return jsonify(**_listed(found), outlived=max(facet.outlived for facet in found))


@bp.get("/admin/logs/facets")
@requires(*READERS)
def transaction_boxes() -> Response:
    """Each event and kind of object with its count, the field's own filter left out."""
    search = TransactionSearch.from_args(request.args, now=utc_now(), tz=me().timezone)
    return jsonify(_listed(transaction_facets(reading_books(), search)))


def _listed(found: Sequence[Facet]) -> dict[str, Any]:
    return {
        facet.field: {
            "values": [{"value": value, "count": n} for value, n in facet.counts.items()],
            "isCapped": facet.is_capped,
        }
        for facet in found
    }


@bp.get("/admin/system-logs/count")
@requires(*READERS)
def log_count() -> Response:
    """How many rows of the log pass; with `exact=1` beyond the cap too."""
    search = LogSearch.from_args(request.args, now=utc_now(), tz=me().timezone, also=("exact",))
    return _total(log_total(reading_books(), search, cutoffs(), exact=flag(request.args, "exact")))


@bp.get("/admin/logs/count")
@requires(*READERS)
def transaction_count() -> Response:
    """How many rows of the book of money pass; with `exact=1` beyond the cap too."""
    search = TransactionSearch.from_args(request.args, now=utc_now(), tz=me().timezone, also=("exact",))
    return _total(transaction_total(reading_books(), search, exact=flag(request.args, "exact")))


def _total(total: Total) -> Response:
    return jsonify(count=total.n, isCapped=total.is_capped, outlived=total.outlived)
