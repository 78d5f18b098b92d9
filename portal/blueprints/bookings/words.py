"""A booking's life in the words of whoever made it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.queries.booking_search import BookingDetail, BookingStatus, PaymentStatus
from portal.queries.payout_life import StepState

TABS = (
    (None, _l("Toutes")),
    (BookingStatus.PENDING, _l("À payer")),
    (BookingStatus.CONFIRMED, _l("Confirmées")),
    (BookingStatus.COMPLETED, _l("Terminées")),
    (BookingStatus.CANCELLED, _l("Annulées")),
)


@dataclass(frozen=True, slots=True)
class ShownStep:
    """A step as the timeline shows it."""

    label: Any
    state: StepState
    at: datetime | None = None
    due: datetime | None = None
    note: str | None = None
    actor: str | None = None
    elapsed: str | None = None
    href: str | None = None


def steps_of(found: BookingDetail, now: datetime) -> list[ShownStep]:
    """Booked, paid, confirmed, held; or cancelled, and paid back."""
    booking = found.booking
    steps = [ShownStep(_("Vous avez réservé"), StepState.DONE, booking.created_at), _payment(found)]
    if booking.status is BookingStatus.CANCELLED:
        return steps + _ending(found)
    done = booking.confirmed_at is not None
    state = StepState.DONE if done else StepState.NOT_REACHED
    return [*steps, ShownStep(_("Réservation confirmée"), state, booking.confirmed_at), _call(found, now)]


def _payment(found: BookingDetail) -> ShownStep:
    payment, label = found.payment, _("Paiement")
    if found.was_paid and payment is not None:
        return ShownStep(label, StepState.DONE, payment.succeeded_at)
    if found.booking.status is BookingStatus.CANCELLED:
        return ShownStep(label, StepState.SKIPPED, note=_("Rien n’a été débité."))
    declined = payment is not None and payment.status is PaymentStatus.FAILED
    note = _("La dernière carte a été refusée ; essayez-en une autre.") if declined else None
    return ShownStep(label, StepState.CURRENT, due=found.booking.expires_at, note=note)


def _call(found: BookingDetail, now: datetime) -> ShownStep:
    offer, booking = found.offer, found.booking
    if booking.status is BookingStatus.COMPLETED:
        return ShownStep(_("L’appel a eu lieu"), StepState.DONE, offer.starts_at)
    over = offer.starts_at + timedelta(minutes=offer.duration_minutes) <= now
    current = booking.status is BookingStatus.CONFIRMED
    note = _("Le créateur confirmera bientôt qu’il a eu lieu.") if over and current else None
    begun = current and offer.starts_at <= now
    return ShownStep(
        _("L’appel"), StepState.CURRENT if begun else StepState.NOT_REACHED, offer.starts_at, note=note
    )


def _ending(found: BookingDetail) -> list[ShownStep]:
    booking = found.booking
    steps = [ShownStep(_("Réservation annulée"), StepState.DONE, booking.ended_at, note=reason_of(found))]
    if found.refunded_minor:
        steps.append(ShownStep(_("Votre argent vous est rendu"), StepState.DONE))
    elif found.refunding_minor:
        steps.append(ShownStep(_("Votre argent vous est rendu"), StepState.CURRENT))
    return steps


def reason_of(found: BookingDetail) -> str:
    """Why a booking was cancelled."""
    reason = found.booking.end_reason or ""
    if reason.startswith("Unpaid"):
        return str(_("Elle n’a pas été payée à temps."))
    return str(_("Le créateur a annulé l’appel."))
