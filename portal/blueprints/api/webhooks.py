"""The inbox of Stripe's events for other programs."""

from datetime import datetime
from typing import Any

from flask import Response, jsonify, request

from portal.blueprints.access import READERS, requires
from portal.blueprints.api import bp
from portal.blueprints.filters import select_timezone
from portal.blueprints.moments import iso
from portal.domain.work import utc_now
from portal.queries.webhook_search import WebhookRow, WebhookSearch
from portal.unit_of_work import reading


@bp.get("/admin/webhooks")
@requires(*READERS)
def webhooks() -> Response:
    """Events, with the page's parameters; bodies are left to Stripe."""
    page = WebhookSearch.from_args(request.args, tz=select_timezone(), now=utc_now()).page(reading())
    items = [_webhook(row) for row in page.rows]
    return jsonify(items=items, nextCursor=page.next.encode() if page.next else None)


def _webhook(row: WebhookRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "type": row.type,
        "account": row.account,
        "objectType": row.object_type,
        "objectId": row.object_id,
        "livemode": row.livemode,
        "apiVersion": row.api_version,
        "origin": row.origin,
        "state": row.state,
        "tries": row.tries,
        "lastError": row.last_error,
        "note": row.note,
        "requestId": str(row.request_id),
        "stripeCreatedAt": iso(row.stripe_created_at),
        "receivedAt": iso(row.received_at),
        "processedAt": _moment(row.processed_at),
        "nextTryAt": _moment(row.next_try_at),
    }


def _moment(value: datetime | None) -> str | None:
    return iso(value) if value else None
