"""A creator puts a call up for sale."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from portal.audit.actor import Actor
from portal.audit.system_log import log_creator_action
from portal.domain.errors import Refusal
from portal.domain.offers.facts import invalid
from portal.domain.offers.terms import OfferDraft, read_terms
from portal.models import CallOffer, Creator, OfferStatus, uuid7
from portal.models.currency import to_decimal

REQUIRED = {
    "title": "Donnez un titre à cet appel.",
    "price": "Indiquez un prix.",
    "dateTime": "Indiquez une date et une heure, comme 2026-11-30T14:30.",
    "duration": "Indiquez une durée.",
}


def create_offer(
    session: Session, *, creator: Creator, draft: OfferDraft, zone: ZoneInfo, actor: Actor, now: datetime
) -> CallOffer:
    """A new offer that people can book. Raises OfferRefused with every term that cannot be."""
    values, errors = read_terms(draft, currency=creator.currency, zone=zone, now=now)
    given = draft.given()
    errors |= {name: Refusal(message) for name, message in REQUIRED.items() if name not in given}
    if draft.status not in {None, OfferStatus.AVAILABLE}:
        errors["status"] = Refusal("Une nouvelle offre est AVAILABLE.")
    if errors:
        raise invalid(actor, None, "CREATE", errors)
    standing = {"status": OfferStatus.AVAILABLE, "currency": creator.currency, "description": ""}
    offer = CallOffer(id=uuid7(), creator_id=creator.id, version=1, created_at=now, **(standing | values))
    session.add(offer)
    facts = {
        "offerId": offer.id,
        "creatorId": creator.id,
        "title": offer.title,
        "price": to_decimal(offer.price_minor, offer.currency),
        "currency": offer.currency,
        "duration": offer.duration_minutes,
        "dateTime": offer.starts_at,
    }
    log_creator_action("OFFER_CREATED", creator.id, metadata=facts, session=session)
    return offer
