"""JSON of the two books and of traces."""

from datetime import timedelta
from typing import Any

from flask import Response, abort, jsonify, request

from portal.blueprints.access import READERS, me, requires
from portal.blueprints.api import bp
from portal.blueprints.moments import iso
from portal.domain.work import utc_now
from portal.queries.log_entry import LogEntry
from portal.queries.log_search import LogSearch
from portal.queries.paging import Page, parse_cursor
from portal.queries.parameters import one, refuse_unknown
from portal.queries.trace import TraceItem, find_trace, trace_kind
from portal.queries.trace_steps import TraceStep
from portal.queries.transaction_entry import TransactionEntry
from portal.queries.transaction_search import TransactionSearch
from portal.unit_of_work import reading, reading_books


@bp.get("/admin/system-logs")
@requires(*READERS)
def system_logs() -> Response:
    """A page of the log."""
    search = LogSearch.from_args(request.args, now=utc_now(), tz=me().timezone)
    page = search.page(reading_books())
    return _listed([_log(row) for row in page.rows], page)


@bp.get("/admin/logs")
@requires(*READERS)
def transactions() -> Response:
    """A page of the book of money."""
    search = TransactionSearch.from_args(request.args, now=utc_now(), tz=me().timezone)
    page = search.page(reading_books())
    return _listed([_transaction(row) for row in page.rows], page)


@bp.get("/admin/traces/<kind>/<id>")
@requires(*READERS)
def trace(kind: str, id: str) -> Response:
    """Everything about one thing, oldest first."""
    refuse_unknown(request.args, ("cursor",))
    wanted, cursor = trace_kind(kind), parse_cursor(one(request.args, "cursor"))
    found = find_trace(reading(), wanted, id, now=utc_now(), cursor=cursor) if wanted else None
    if found is None:
        abort(404)
    return jsonify(
        kind=found.kind,
        id=found.id,
        items=[_item(row) for row in found.items],
        steps=[_step(row) for row in found.steps],
        durationMs=_ms(found.lasted),
        truncated=found.older is not None,
        nextCursor=found.older.encode() if found.older else None,
    )


def _listed(items: list[dict[str, Any]], page: Page[Any]) -> Response:
    return jsonify(items=items, nextCursor=page.next.encode() if page.next else None)


def _log(row: LogEntry) -> dict[str, Any]:
    return {
        "id": row.id,
        "level": row.level,
        "type": row.type,
        "actor": row.actor,
        "actorId": row.actor_id,
        "message": row.message,
        "metadata": row.details,
        "requestId": str(row.request_id),
        "createdAt": iso(row.created_at),
    }


def _transaction(row: TransactionEntry) -> dict[str, Any]:
    return {
        "id": row.id,
        "eventType": row.event_type,
        "entityType": row.entity_type,
        "entityId": row.entity_id,
        "stripeEventId": row.stripe_event_id,
        "amount": None if row.amount is None else float(row.amount),
        "currency": row.currency,
        "status": row.status,
        "metadata": row.details,
        "errorMessage": row.error_message,
        "paymentId": row.payment_id,
        "payoutId": row.payout_id,
        "refundId": row.refund_id,
        "requestId": str(row.request_id),
        "createdAt": iso(row.created_at),
    }


def _item(item: TraceItem) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "book": item.book,
        "id": item.id,
        "type": item.type,
        "level": item.level,
        "createdAt": iso(item.created_at),
        "actor": item.actor,
        "actorId": item.actor_id,
        "message": item.message,
        "status": item.status,
        "metadata": item.details,
        "requestId": str(item.request_id),
        "gapMs": _ms(item.gap),
    }
    if item.book == "transaction_log":
        shown |= {"amount": None if item.amount is None else float(item.amount), "currency": item.currency}
    if item.stripe_at and item.received_at:
        shown |= {"stripeCreatedAt": iso(item.stripe_at), "receivedAt": iso(item.received_at)}
    return shown


def _step(shown: TraceStep) -> dict[str, Any]:
    step = shown.step
    return {
        "type": shown.type,
        "step": step.key,
        "state": step.state,
        "at": iso(step.at) if step.at else None,
        "due": iso(step.due) if step.due else None,
        "elapsedMs": _ms(step.elapsed),
        "logId": shown.log_id,
        "times": shown.times,
        "against": shown.against,
    }


def _ms(span: timedelta | None) -> int | None:
    return None if span is None else round(span.total_seconds() * 1000)
