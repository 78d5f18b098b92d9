"""Payments for other programs: giving money back as JSON."""

from typing import Any
from uuid import UUID

from flask import Response, abort, jsonify, make_response

from portal.blueprints.access import gateway, me, requires
from portal.blueprints.again import recently
from portal.blueprints.api import bp
from portal.blueprints.api.body import decimal_json, json_object, number_of, reason_of
from portal.blueprints.moments import iso
from portal.domain.people import Role
from portal.domain.refunds.request import request_refund
from portal.domain.refunds.sending import send_refund
from portal.domain.work import utc_now
from portal.queries.complaint_search import Refund
from portal.queries.paging import BadParameter
from portal.queries.payment_search import find_payment
from portal.unit_of_work import reading, unit_of_work


@bp.post("/admin/payments/<uuid:payment_id>/refund")
@requires(Role.ADMIN)
@recently
def refund_payment(payment_id: UUID) -> Response:
    """Give back `amount`, or all that is left without one; the status says what became of it.

    PENDING is an unknown outcome, which the portal repairs by itself. The same formToken gives the same refund.
    """
    body, actor = json_object(), me().actor
    amount, token = number_of(body, "amount") if "amount" in body else None, _token(body)
    with unit_of_work() as session:
        refund = request_refund(
            session,
            payment_id=payment_id,
            reason=reason_of(body),
            actor=actor,
            now=utc_now(),
            amount=amount,
            form_token=token,
        )
        refund_id = refund.id
    send_refund(unit_of_work, gateway(), refund_id=refund_id, clock=utc_now)
    return make_response(_shown(payment_id, refund_id), 201)


def _token(body: dict[str, Any]) -> str | None:
    """The body's formToken. Raises BadParameter: who gives one relies on it."""
    token = body.get("formToken")
    if token is not None and not (isinstance(token, str) and token):
        raise BadParameter("formToken", str(token)[:80], "un texte")
    return token


def _shown(payment_id: UUID, refund_id: UUID) -> Response:
    detail = find_payment(reading(), payment_id)
    found = [refund for refund, _ in detail.refunds if refund.id == refund_id] if detail else []
    return jsonify(refund_json(found[0])) if found else abort(404)


def refund_json(refund: Refund) -> dict[str, Any]:
    """A refund; its amount is a decimal number of its currency."""
    return {
        "id": str(refund.id),
        "paymentId": str(refund.payment_id),
        "amount": decimal_json(refund.amount_minor, refund.currency),
        "currency": refund.currency,
        "status": refund.status,
        "reason": refund.reason,
        "failureReason": refund.failure_reason,
        "stripeRefundId": refund.stripe_refund_id,
        "createdAt": iso(refund.created_at),
    }
