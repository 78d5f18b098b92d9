"""The two addresses that Stripe calls: the platform's events, and those of connected accounts.

Nothing here reads a session, a form token or a language: Stripe has none, and a delivery must be
answered also while the database is away.
"""

from collections.abc import Sequence

from flask import Blueprint, Response, abort, current_app, jsonify, make_response, request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from portal.blueprints.access import gateway, settings
from portal.blueprints.errors import json_error
from portal.domain.work import utc_now
from portal.webhooks.inbox import MAX_BODY, Delivery, DeliveryRefused, Endpoint, InboxUnavailable, receive

bp = Blueprint("stripe_webhooks", __name__)
RETRY_AFTER_SECONDS = 30


@bp.post("/api/payments/webhook")
def platform() -> Response:
    """Events of the platform's own account."""
    return _receive(Endpoint.PLATFORM, settings().stripe_webhook_secrets)


@bp.post("/api/payments/webhook/connect")
def connect() -> Response:
    """Events of creators' accounts."""
    return _receive(Endpoint.CONNECT, settings().stripe_connect_webhook_secrets)


def _receive(endpoint: Endpoint, secrets: Sequence[str]) -> Response:
    """200 once stored; an endpoint without a secret does not exist."""
    if not secrets:
        abort(404)
    try:
        event = receive(gateway(), _delivery(endpoint, secrets), now=utc_now())
    except RequestEntityTooLarge:
        return json_error(413, "WEBHOOK_TOO_LARGE", f"a body may hold {MAX_BODY} bytes", {})
    except ClientDisconnected:
        return json_error(400, "WEBHOOK_REFUSED", "the body is not complete", {})
    except DeliveryRefused as refusal:
        return json_error(400, "WEBHOOK_REFUSED", str(refusal), {})
    except InboxUnavailable as reason:
        return _try_again(reason)
    return make_response(jsonify(received=True, id=event.id), 200)


def _delivery(endpoint: Endpoint, secrets: Sequence[str]) -> Delivery:
    request.max_content_length = MAX_BODY
    return Delivery(
        body=request.get_data(cache=False),
        signature=request.headers.get("Stripe-Signature"),
        secrets=secrets,
        endpoint=endpoint,
        ip_address=request.remote_addr,
    )


def _try_again(reason: InboxUnavailable) -> Response:
    """Stripe delivers again by itself; what went wrong is for our own log only."""
    current_app.logger.error("a webhook delivery could not be stored: %s", reason)
    response = json_error(503, "WEBHOOK_NOT_STORED", "try again later", {})
    response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response
