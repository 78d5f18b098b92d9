"""The two addresses that Stripe calls: the platform's events, and those of connected accounts."""

from flask import Blueprint, Response, abort, jsonify, make_response, request

from portal.blueprints.access import gateway, settings
from portal.blueprints.errors import json_error
from portal.domain.work import utc_now
from portal.webhooks.inbox import MAX_BODY, Delivery, DeliveryRefused, receive

bp = Blueprint("stripe_webhooks", __name__)


@bp.post("/api/payments/webhook")
def platform() -> Response:
    """Events of the platform's own account."""
    return _receive(settings().stripe_webhook_secret)


@bp.post("/api/payments/webhook/connect")
def connect() -> Response:
    """Events of creators' accounts."""
    return _receive(settings().stripe_connect_webhook_secret)


def _receive(secret: str | None) -> Response:
    """200 once stored; an endpoint without a secret does not exist."""
    if not secret:
        abort(404)
    request.max_content_length = MAX_BODY
    delivery = Delivery(
        body=request.get_data(cache=False),
        signature=request.headers.get("Stripe-Signature"),
        secret=secret,
        ip_address=request.remote_addr,
    )
    try:
        event = receive(gateway(), delivery, now=utc_now())
    except DeliveryRefused as refusal:
        return json_error(400, "WEBHOOK_REFUSED", str(refusal), {})
    return make_response(jsonify(received=True, id=event.id), 200)
