"""How a call ends by its creator's hand: cancelled, its booking with it and the money given back; or completed."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal.audit.actor import Actor
from portal.audit.system_log import log_booking
from portal.domain.errors import Refusal
from portal.domain.offers.facts import lock_live_booking, refused
from portal.domain.payments.giving_back import give_back_booking
from portal.models import Booking, BookingStatus, CallOffer, OfferStatus
from portal.models.call_offer import MOVES

REASON = "Cancelled by creator via call offer update"
NO_MOVE = Refusal("Cette offre ne peut pas passer de %(now)s à %(wanted)s.")
UNPAID = Refusal("Cet appel n’est pas encore payé : il ne peut pas être terminé.")
TOO_EARLY = Refusal("Cet appel n’a pas encore commencé.")


def end_call(session: Session, offer: CallOffer, wanted: OfferStatus, *, actor: Actor, now: datetime) -> None:
    """Move a locked offer to CANCELLED or COMPLETED, its booking with it. Raises OfferRefused."""
    if wanted not in MOVES.get(offer.status, ()):
        words = {"now": offer.status.value, "wanted": wanted.value}
        raise refused(offer, actor, "UPDATE", "status", Refusal(NO_MOVE.message, words), field="status")
    booking = lock_live_booking(session, offer.id)
    if wanted is OfferStatus.COMPLETED:
        _complete(session, offer, booking, actor, now)
    elif booking is not None:
        _cancel(session, offer, booking, actor, now)
    offer.status = wanted


def _complete(session: Session, offer: CallOffer, booking: Booking | None, actor: Actor, now: datetime) -> None:
    if booking is None or booking.status is not BookingStatus.CONFIRMED:
        raise refused(offer, actor, "COMPLETE", "unpaid", UNPAID)
    if now < offer.starts_at:
        raise refused(offer, actor, "COMPLETE", "too_early", TOO_EARLY)
    facts = _facts(offer, booking, "COMPLETED") | {"completedAt": now, "completedBy": "creator"}
    booking.status, booking.ended_at = BookingStatus.COMPLETED, now
    log_booking("COMPLETED", booking.id, booking.user_id, offer.creator_id, facts, session=session)


def _cancel(session: Session, offer: CallOffer, booking: Booking, actor: Actor, now: datetime) -> None:
    facts = _facts(offer, booking, "CANCELLED") | {
        "cancelledBy": "creator",
        "cancelledByUserId": actor.user_id,
        "cancelledAt": now,
        "reason": REASON,
    }
    booking.status, booking.ended_at, booking.end_reason = BookingStatus.CANCELLED, now, REASON
    log_booking("CANCELLED", booking.id, booking.user_id, offer.creator_id, facts, session=session)
    give_back_booking(session, booking.id, now=now)


def _facts(offer: CallOffer, booking: Booking, new_status: str) -> dict[str, Any]:
    """The specification's previousStatus is the offer's; the booking's own stands beside it."""
    return {
        "callOfferId": offer.id,
        "offerId": offer.id,
        "previousStatus": offer.status,
        "newStatus": new_status,
        "previousBookingStatus": booking.status,
    }
