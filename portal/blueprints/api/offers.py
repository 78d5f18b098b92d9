"""Offers for their creators' programs: create, change (status included), delete."""

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Response, jsonify, make_response

from portal.blueprints.access import me, requires
from portal.blueprints.api import bp
from portal.blueprints.api.body import decimal_json, json_object, version_of
from portal.blueprints.creator.views import own_creator
from portal.blueprints.filters import select_timezone
from portal.blueprints.moments import iso
from portal.blueprints.offers.acts import close_cancelled
from portal.domain.offers.create import create_offer
from portal.domain.offers.delete import delete_offer
from portal.domain.offers.terms import OfferDraft
from portal.domain.offers.update import OfferChange, update_offer
from portal.domain.people import Role
from portal.domain.work import utc_now
from portal.queries.offer_search import CallOffer
from portal.queries.paging import BadParameter
from portal.unit_of_work import unit_of_work

FIELDS = ("title", "description", "price", "currency", "dateTime", "duration", "status")


@bp.post("/call-offers")
@requires(Role.CREATOR)
def create_call_offer() -> Response:
    """A new offer: 201."""
    draft, creator, actor = _draft(json_object()), own_creator(), me().actor
    with unit_of_work() as session:
        offer = create_offer(session, creator=creator, draft=draft, zone=_zone(), actor=actor, now=utc_now())
        shown = offer_json(offer)
    return make_response(jsonify(shown), 201)


@bp.put("/call-offers/<uuid:offer_id>")
@requires(Role.CREATOR)
def update_call_offer(offer_id: UUID) -> Response:
    """Change what is given; a status of CANCELLED or COMPLETED ends the call."""
    body, creator, actor = json_object(), own_creator(), me().actor
    change = OfferChange(_draft(body), _zone(), version_of(body))
    with unit_of_work() as session:
        offer = update_offer(
            session, offer_id=offer_id, creator=creator, change=change, actor=actor, now=utc_now()
        )
        shown = offer_json(offer)
    if change.draft.status is not None:
        close_cancelled(offer_id, creator.id)
    return jsonify(shown)


@bp.delete("/call-offers/<uuid:offer_id>")
@requires(Role.CREATOR)
def delete_call_offer(offer_id: UUID) -> Response:
    """Take the offer away."""
    creator, actor, now = own_creator(), me().actor, utc_now()
    with unit_of_work() as session:
        offer = delete_offer(session, offer_id=offer_id, creator=creator, actor=actor, now=now)
        shown = offer_json(offer) | {"deletedAt": iso(now)}
    return jsonify(shown)


def _zone() -> ZoneInfo:
    return ZoneInfo(select_timezone())


def _draft(body: dict[str, Any]) -> OfferDraft:
    """The terms of a body. Raises BadParameter for a name that is none, or a value that is no text or number."""
    for name in body:
        if name not in {*FIELDS, "version"}:
            raise BadParameter(name[:80], "", ", ".join(FIELDS))
    terms = {name: _text(body, name) for name in FIELDS}
    return OfferDraft(
        title=terms["title"],
        description=terms["description"],
        price=terms["price"],
        currency=terms["currency"],
        date_time=terms["dateTime"],
        duration=terms["duration"],
        status=terms["status"],
    )


def _text(body: dict[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise BadParameter(name, str(value)[:80], "un texte ou un nombre")


def offer_json(offer: CallOffer) -> dict[str, Any]:
    """An offer; its price is a decimal number of its currency."""
    return {
        "id": str(offer.id),
        "creatorId": str(offer.creator_id),
        "title": offer.title,
        "description": offer.description,
        "price": decimal_json(offer.price_minor, offer.currency),
        "currency": offer.currency,
        "dateTime": iso(offer.starts_at),
        "duration": offer.duration_minutes,
        "status": offer.status,
        "version": offer.version,
        "createdAt": iso(offer.created_at),
    }
