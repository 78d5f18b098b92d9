"""Somebody books a call: the first one has it, and some minutes to pay."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.audit.actor import Actor
from portal.audit.system_log import log_booking, log_warning
from portal.domain.errors import BookingRefused, NotFound, Refusal
from portal.domain.money import plain_amount
from portal.domain.offers.facts import lock_live_booking, lock_offer
from portal.models import Booking, BookingStatus, CallOffer, Creator, LogActor, OfferStatus, uuid7

EVENT = "BOOKING_REFUSED"
TAKEN = Refusal("Quelqu’un vient de réserver cet appel.")
GONE = Refusal("Cet appel n’est plus proposé.")
PAST = Refusal("Cet appel a déjà commencé.")
OWN = Refusal("C’est votre propre appel.")
UNPAYABLE = Refusal("Ce créateur ne peut pas recevoir de paiements pour l’instant.")


@dataclass(frozen=True, slots=True)
class BookingRules:
    """How long an unpaid booking holds the call, and the address that rooms lie under."""

    unpaid_for: timedelta
    room_base: str


@dataclass(frozen=True, slots=True)
class Booked:
    """A booking; `is_new` is false when it was this person's already."""

    booking: Booking
    is_new: bool


def create_booking(
    session: Session, *, offer_id: UUID, user_id: UUID, rules: BookingRules, actor: Actor, now: datetime
) -> Booked:
    """A booking to be paid before `expires_at`. Raises BookingRefused, NotFound.

    Somebody who books again what is already theirs and unpaid gets the same booking.
    """
    offer = lock_offer(session, offer_id)
    if offer is None or offer.deleted_at is not None:
        _log_refused(actor, offer_id, "not_found", GONE)
        raise NotFound("Cette offre n’existe pas.", event=EVENT)
    live = lock_live_booking(session, offer.id)
    if live is not None and live.user_id == user_id and live.status is BookingStatus.PENDING:
        return Booked(live, is_new=False)
    reason = _reason(session, offer, live, user_id, now)
    if reason is not None:
        raise _refused(offer.id, actor, *reason)
    return Booked(_insert(session, offer, user_id, rules, actor, now), is_new=True)


def _reason(
    session: Session, offer: CallOffer, live: Booking | None, user_id: UUID, now: datetime
) -> tuple[str, Refusal] | None:
    creator = session.get_one(Creator, offer.creator_id, populate_existing=True)
    if live is not None or offer.status is OfferStatus.BOOKED:
        return "taken", TAKEN
    if offer.status is not OfferStatus.AVAILABLE:
        return "gone", GONE
    if offer.starts_at <= now:
        return "past", PAST
    if creator.user_id == user_id:
        return "own", OWN
    return None if creator.may_sell else ("unpayable", UNPAYABLE)


def _insert(
    session: Session, offer: CallOffer, user_id: UUID, rules: BookingRules, actor: Actor, now: datetime
) -> Booking:
    booking_id, offer_id = uuid7(), offer.id
    room = f"call-{booking_id}"
    booking = Booking(
        id=booking_id,
        call_offer_id=offer_id,
        user_id=user_id,
        status=BookingStatus.PENDING,
        expires_at=min(now + rules.unpaid_for, offer.starts_at),
        daily_room_name=room,
        daily_room_url=f"{rules.room_base}/{room}",
        created_at=now,
    )
    session.add(booking)
    try:
        session.flush()
    except IntegrityError as error:  # the unique index is the last word, whatever the lock above missed
        raise _refused(offer_id, actor, "taken", TAKEN) from error
    offer.status = OfferStatus.BOOKED
    offer.version += 1
    facts = {
        "callOfferId": offer.id,
        "offerId": offer.id,
        "price": plain_amount(offer.price_minor, offer.currency),
        "currency": offer.currency,
        "dateTime": offer.starts_at,
        "expiresAt": booking.expires_at,
    }
    log_booking("CREATED", booking.id, user_id, offer.creator_id, facts, session=session)
    return booking


def _log_refused(actor: Actor, offer_id: UUID, reason: str, refusal: Refusal) -> None:
    facts = {"callOfferId": offer_id, "userId": actor.user_id, "reason": reason, "refusal": str(refusal)}
    log_warning(EVENT, LogActor.USER, None, actor.id, facts)


def _refused(offer_id: UUID, actor: Actor, reason: str, refusal: Refusal) -> BookingRefused:
    _log_refused(actor, offer_id, reason, refusal)
    return BookingRefused(refusal.message, event=EVENT, facts={"reason": reason})
