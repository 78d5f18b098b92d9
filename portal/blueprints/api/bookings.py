"""Booking a call and opening its payment, for programs of whoever books."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from flask import Response, jsonify, make_response

from portal.blueprints.access import gateway, me, requires, settings
from portal.blueprints.api import bp
from portal.blueprints.api.body import json_object
from portal.blueprints.market.views import booking_rules
from portal.blueprints.moments import iso
from portal.domain.bookings.create import create_booking as book
from portal.domain.payments.opening import open_payment
from portal.domain.people import Role
from portal.domain.work import utc_now
from portal.queries.booking_search import Booking
from portal.queries.paging import BadParameter
from portal.unit_of_work import reading, unit_of_work


@bp.post("/bookings")
@requires(Role.USER)
def create_booking() -> Response:
    """Book a call: 201; 200 when it was this person's already and waits for its payment."""
    offer_id, somebody, rules = _offer_id(json_object()), me(), booking_rules()
    with unit_of_work() as session:
        booked = book(
            session,
            offer_id=offer_id,
            user_id=somebody.user_id,
            rules=rules,
            actor=somebody.actor,
            now=utc_now(),
        )
        shown = booking_json(booked.booking)
    return make_response(jsonify(shown), 201 if booked.is_new else 200)


@bp.post("/payments/create-intent")
@requires(Role.USER)
def create_intent() -> Response:
    """The secret that lets this person's browser pay, and how the amount is shared out."""
    body, actor, percent = json_object(), me().actor, settings().platform_fee_percent
    reading().close()  # no transaction stays open while Stripe is asked
    opened = open_payment(
        unit_of_work,
        gateway(),
        booking_id=_text(body, "bookingId"),
        actor=actor,
        fee_percent=percent,
        clock=utc_now,
    )
    return jsonify(
        clientSecret=opened.client_secret,
        paymentId=str(opened.payment_id),
        amount=_number(opened.amount),
        currency=opened.currency,
        platformFee=_number(opened.platform_fee),
        creatorAmount=_number(opened.creator_amount),
    )


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise BadParameter(name, str(value)[:80], "un identifiant (UUID)")
    return value


def _offer_id(body: dict[str, Any]) -> UUID:
    text = _text(body, "callOfferId")
    try:
        return UUID(text)
    except ValueError as error:
        raise BadParameter("callOfferId", text[:80], "un identifiant (UUID)") from error


def _number(exact: Decimal) -> int | float:
    return int(exact) if exact == exact.to_integral_value() else float(exact)


def booking_json(booking: Booking) -> dict[str, Any]:
    """A booking; its room is told once it is confirmed."""
    return {
        "id": str(booking.id),
        "callOfferId": str(booking.call_offer_id),
        "userId": str(booking.user_id),
        "status": booking.status,
        "expiresAt": iso(booking.expires_at) if booking.expires_at else None,
        "createdAt": iso(booking.created_at),
    }
