"""Views of /dashboard/admin/traces."""

from flask import abort, render_template, request, url_for

from portal.blueprints.access import READERS, requires
from portal.blueprints.entities import KIND_LABELS
from portal.blueprints.traces import bp, words
from portal.domain.work import utc_now
from portal.queries.paging import BadParameter, parse_cursor
from portal.queries.parameters import one, refuse_unknown
from portal.queries.payout_search import recent_payouts
from portal.queries.trace import Trace, find_trace, trace_kind
from portal.queries.trace_compare import compare as compare_traces
from portal.queries.trace_rows import MOST, TraceKind
from portal.unit_of_work import reading

SUGGESTED = 12
LONG = (TraceKind.CREATOR, TraceKind.USER, TraceKind.JOB_RUN)
FEW = 50
"""Rows of a book on a page about what goes on for ever, or was about many."""
EXPECTED = "un type et un identifiant, comme payout:01234567-89ab-7cde-8f01-23456789abcd"


@bp.get("/<kind>/<id>")
@requires(*READERS)
def show(kind: str, id: str) -> str:
    """Both books and Stripe's events about one thing, in order."""
    refuse_unknown(request.args, ("cursor",))
    wanted, cursor = trace_kind(kind), parse_cursor(one(request.args, "cursor"))
    most = FEW if wanted in LONG else MOST
    trace = find_trace(reading(), wanted, id, now=utc_now(), cursor=cursor, most=most) if wanted else None
    if trace is None:
        abort(404)
    return render_template(
        "traces/show.html",
        trace=trace,
        title=words.title(trace),
        kind_label=KIND_LABELS[trace.kind],
        steps=[words.shown_step(step) for step in trace.steps],
        runs=words.runs(trace.items),
        row_href=words.row_hrefs(),
        gap=words.gap,
        books=words.BOOK_LABELS,
        facts=words.facts(trace),
        is_newest=cursor is None,
        older_href=_older(trace),
        compare_href=url_for("traces.compare", left=words.side(trace)),
    )


def _older(trace: Trace) -> str | None:
    cursor = trace.older.encode() if trace.older else None
    return url_for("traces.show", kind=trace.kind, id=trace.id, cursor=cursor) if cursor else None


@bp.get("/compare")
@requires(*READERS)
def compare() -> str:
    """Two traces of one kind side by side; with one of them, the form that asks for the other."""
    refuse_unknown(request.args, ("left", "right"))
    left, right = _named("left", None), _named("right", _kind_of("left"))
    if left and right and left.kind is not right.kind:
        raise BadParameter("right", one(request.args, "right") or "", "une trace du même type que left")
    return render_template(
        "traces/compare.html",
        left=left,
        right=right,
        comparison=compare_traces(left, right) if left and right else None,
        others=_others(left),
        words=words,
        given={name: one(request.args, name) or "" for name in ("left", "right")},
        kind_labels=KIND_LABELS,
    )


def _kind_of(name: str) -> TraceKind | None:
    return trace_kind((one(request.args, name) or "").partition(":")[0])


def _named(name: str, usual: TraceKind | None) -> Trace | None:
    """The trace that a parameter names as kind:id, or as an id of the `usual` kind."""
    given = one(request.args, name)
    if given is None:
        return None
    word, colon, row_id = given.partition(":")
    kind, row_id = (trace_kind(word), row_id) if colon else (usual, given)
    if kind is None or not row_id:
        raise BadParameter(name, given, EXPECTED)
    trace = find_trace(reading(), kind, row_id.strip(), now=utc_now())
    if trace is None:
        abort(404)
    return trace


def _others(left: Trace | None) -> list[dict[str, object]]:
    """Other payouts of the same creator, to compare with."""
    if left is None or left.payout is None:
        return []
    mine = left.payout.payout
    found = recent_payouts(reading(), mine.creator_id, limit=SUGGESTED)
    return [words.suggestion(payout) for payout in found if payout.id != mine.id]
