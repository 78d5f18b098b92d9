"""What the offer verbs share: locking an offer before its booking, always; refusals, and facts for audit rows."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.actor import Actor
from portal.audit.system_log import log_error
from portal.domain.errors import NotFound, OfferRefused, Refusal
from portal.domain.money import plain_amount
from portal.models import Booking, BookingStatus, CallOffer, LogActor

EVENT = "OFFER_REFUSED"


def lock_offer(session: Session, offer_id: UUID) -> CallOffer | None:
    """The offer, locked and freshly read; always locked before its booking, and that before its payment."""
    return session.get(CallOffer, offer_id, with_for_update=True, populate_existing=True)


def own_offer(session: Session, offer_id: UUID, creator_id: UUID, *, action: str, actor: Actor) -> CallOffer:
    """The creator's offer, locked. Raises NotFound, also for another creator's and a deleted one."""
    offer = lock_offer(session, offer_id)
    if offer is None or offer.creator_id != creator_id or offer.deleted_at is not None:
        log_refused(actor, offer_id, action, "not_found", "Cette offre n’existe pas.")
        raise NotFound("Cette offre n’existe pas.", event=EVENT)
    return offer


def lock_live_booking(session: Session, offer_id: UUID) -> Booking | None:
    """The offer's booking that is not cancelled, locked; call after lock_offer()."""
    query = select(Booking).where(Booking.call_offer_id == offer_id, Booking.status != BookingStatus.CANCELLED)
    return session.scalar(query.with_for_update().execution_options(populate_existing=True))


def log_refused(actor: Actor, offer_id: UUID | None, action: str, reason: str, refusal: str, **facts: Any) -> None:
    """OFFER_REFUSED, written apart: it outlives the rollback."""
    known = {"offerId": offer_id, "creatorId": actor.id, "action": action, "reason": reason, "refusal": refusal}
    log_error(EVENT, LogActor.CREATOR, None, actor.id, known | facts)


def refused(
    offer: CallOffer, actor: Actor, action: str, reason: str, refusal: Refusal, *, field: str | None = None
) -> OfferRefused:
    """The refusal to raise, recorded."""
    facts = {"offerStatus": offer.status}
    log_refused(actor, offer.id, action, reason, str(refusal), **facts)
    return OfferRefused(
        refusal.message,
        event=EVENT,
        facts={"reason": reason, **facts},
        words=refusal.words,
        errors={field: refusal} if field else {},
    )


def invalid(actor: Actor, offer_id: UUID | None, action: str, errors: dict[str, Refusal]) -> OfferRefused:
    """The refusal of terms that cannot be, recorded: 422."""
    told = {name: str(refusal) for name, refusal in errors.items()}
    first = next(iter(errors.values()))
    log_refused(actor, offer_id, action, "validation", " ".join(told.values()), validationErrors=told)
    return OfferRefused(first.message, event=EVENT, status=422, facts=told, words=first.words, errors=errors)


def shown_terms(offer: CallOffer) -> dict[str, Any]:
    """An offer's terms under the specification's names, for before and after."""
    return {
        "title": offer.title,
        "description": offer.description,
        "price": Decimal(plain_amount(offer.price_minor, offer.currency)),
        "currency": offer.currency,
        "dateTime": offer.starts_at,
        "duration": offer.duration_minutes,
        "status": offer.status,
    }
