"""A creator takes an offer away. It is hidden, never erased: audit rows and bookings go on naming it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from portal.audit.actor import Actor
from portal.audit.system_log import log_creator_action
from portal.domain.errors import Refusal
from portal.domain.offers.facts import own_offer, refused
from portal.models import CallOffer, Creator, OfferStatus

BOOKED = Refusal("Cet appel est réservé : annulez-le d’abord, son prix sera rendu.")
HELD = Refusal("Cet appel a eu lieu : il reste dans votre historique.")


def delete_offer(session: Session, *, offer_id: UUID, creator: Creator, actor: Actor, now: datetime) -> CallOffer:
    """Hide an offer that nobody has booked. Raises OfferRefused, NotFound."""
    offer = own_offer(session, offer_id, creator.id, action="DELETE", actor=actor)
    facts: dict[str, Any] = {"offerId": offer.id, "creatorId": creator.id, "offerTitle": offer.title}
    log_creator_action("OFFER_DELETE_INITIATED", creator.id, metadata=facts | {"offerStatus": offer.status})
    if offer.status is OfferStatus.BOOKED:
        raise refused(offer, actor, "DELETE", "booked", BOOKED)
    if offer.status is OfferStatus.COMPLETED:
        raise refused(offer, actor, "DELETE", "completed", HELD)
    offer.deleted_at = now
    offer.version += 1
    log_creator_action("OFFER_DELETED", creator.id, metadata=facts | {"deletedAt": now}, session=session)
    return offer
