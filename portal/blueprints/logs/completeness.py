"""Whether the log carries what the catalogue requires: shares by type, and the rows that do not."""

from typing import Any

from flask import render_template, request, url_for
from werkzeug.datastructures import MultiDict

from portal.audit.catalogue import CATALOGUE
from portal.blueprints.access import READERS, me, requires
from portal.blueprints.explorer import remember_way_back
from portal.blueprints.logs import bp
from portal.blueprints.logs.words import EXPLORER
from portal.domain.work import utc_now
from portal.queries.completeness import SAMPLE, completeness, incomplete_rows, marked_rows
from portal.queries.paging import BadParameter
from portal.queries.parameters import one, refuse_unknown
from portal.queries.time_range import TimeRange, parse_time_range
from portal.unit_of_work import reading_books

DEFAULT = "now-7d"
SPANS = ("now-24h", "now-7d", "now-30d", "now-90d")


@bp.get("/completeness")
@requires(*READERS)
def log_completeness() -> str:
    """The share of complete rows by type, or the incomplete rows of one type."""
    try:
        period, kind = _asked()
    except BadParameter as error:
        remember_way_back(error)
        raise
    return render_template(
        "logs/completeness.html",
        kind=kind,
        sample=SAMPLE,
        spans=[(span, _href(span, kind)) for span in SPANS],
        span=one(request.args, "from") or DEFAULT,
        kind_href=lambda name: _href(one(request.args, "from") or DEFAULT, name),
        rows_href=lambda name: EXPLORER.href([*_period(), ("type", name)]),
        all_href=_href(one(request.args, "from") or DEFAULT, None),
        required=sorted(CATALOGUE[kind].required) if kind else [],
        **_found(period, kind),
    )


def _asked() -> tuple[TimeRange, str | None]:
    refuse_unknown(request.args, {"from", "to", "tz", "type"})
    given = MultiDict(request.args)
    if not (one(given, "from") or one(given, "to")):
        given["from"] = DEFAULT
    period = parse_time_range(given, now=utc_now(), tz=me().timezone)
    kind = one(request.args, "type")
    if kind is not None and kind not in CATALOGUE:
        raise BadParameter("type", kind, "un type du catalogue, comme PAYOUT_APPROVED")
    return period, kind


def _found(period: TimeRange, kind: str | None) -> dict[str, Any]:
    session, blame = reading_books(), ("from", one(request.args, "from") or DEFAULT)
    try:
        if kind is not None:
            return {"offenders": incomplete_rows(session, kind, period, blame=blame)}
        kinds = completeness(session, period, blame=blame)
        return {"kinds": kinds, "offenders": marked_rows(session, period, blame=blame)}
    except BadParameter as error:
        return {"too_slow": error}


def _period() -> list[tuple[str, str]]:
    given = [(name, value) for name in ("from", "to", "tz") if (value := one(request.args, name))]
    return given if any(name in {"from", "to"} for name, _ in given) else [("from", DEFAULT), *given]


def _href(span: str, kind: str | None) -> str:
    kept: dict[str, Any] = dict(_period()) | {"from": span} | ({"type": kind} if kind else {})
    return url_for("logs.log_completeness", **kept)
