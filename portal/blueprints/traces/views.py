"""Views of /dashboard/admin/traces."""

from flask import abort, render_template, request

from portal.blueprints.access import READERS, requires
from portal.blueprints.entities import KIND_LABELS
from portal.blueprints.traces import bp, words
from portal.domain.work import utc_now
from portal.queries.parameters import refuse_unknown
from portal.queries.trace import find_trace, trace_kind
from portal.unit_of_work import reading

INLINE = 60
"""Up to so many rows a trace carries all their metadata; beyond, a row fetches its own when opened."""


@bp.get("/<kind>/<id>")
@requires(*READERS)
def show(kind: str, id: str) -> str:
    """Both books and Stripe's events about one thing, in order."""
    refuse_unknown(request.args, ())
    wanted = trace_kind(kind)
    trace = find_trace(reading(), wanted, id, now=utc_now()) if wanted else None
    if trace is None:
        abort(404)
    return render_template(
        "traces/show.html",
        trace=trace,
        title=words.title(trace),
        kind_label=KIND_LABELS[trace.kind],
        steps=[words.shown_step(step) for step in trace.steps],
        row_href=words.row_href,
        gap=words.gap,
        books=words.BOOK_LABELS,
        inline=len(trace.items) <= INLINE,
    )
