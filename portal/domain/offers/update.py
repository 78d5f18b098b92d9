"""A creator changes an offer: its terms, or, through its status, cancels or completes the call."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from portal.audit.actor import Actor
from portal.audit.system_log import log_creator_action
from portal.domain.errors import Refusal
from portal.domain.offers.ending import end_call
from portal.domain.offers.facts import invalid, own_offer, refused, shown_terms
from portal.domain.offers.terms import OfferDraft, read_terms
from portal.models import CallOffer, Creator, OfferStatus
from portal.models.currency import to_decimal

NAMES = {
    "title": "title",
    "description": "description",
    "price_minor": "price",
    "currency": "currency",
    "starts_at": "dateTime",
    "duration_minutes": "duration",
}
"""Columns under the specification's names."""

FROZEN = frozenset({"price_minor", "currency", "starts_at", "duration_minutes"})
"""What somebody who booked has agreed to."""

NEVER = Refusal("Cet appel est réservé : son prix, sa date et sa durée ne changent plus.")
CLOSED = Refusal("Cette offre est close : elle ne change plus.")
STALE = Refusal("Cette offre a changé depuis l’ouverture de la page : vérifiez et recommencez.")
NO_STATUS = Refusal("Un statut est AVAILABLE, CANCELLED ou COMPLETED.")
SHORT = 60


@dataclass(frozen=True, slots=True)
class OfferChange:
    """What is to change, as typed in `zone`; `version` is the one that was being looked at."""

    draft: OfferDraft
    zone: ZoneInfo
    version: int | None = None


@dataclass(frozen=True, slots=True)
class _Reading:
    """A change as far as it can be read: new column values, the status wanted, and what is refused."""

    values: Mapping[str, Any]
    status: OfferStatus
    errors: dict[str, Refusal]
    requested: Mapping[str, Any]


def update_offer(
    session: Session, *, offer_id: UUID, creator: Creator, change: OfferChange, actor: Actor, now: datetime
) -> CallOffer:
    """Apply a change, whole or not at all. Raises OfferRefused, NotFound.

    A cancelled booking's payment is closed, or refunded, by whoever calls: no call is made from here.
    """
    offer = own_offer(session, offer_id, creator.id, action="UPDATE", actor=actor)
    reading, before = _read(offer, creator, change, now), shown_terms(offer)
    facts = {"offerId": offer.id, "creatorId": creator.id, "title": offer.title, "changes": reading.requested}
    log_creator_action("OFFER_UPDATE_INITIATED", creator.id, metadata=facts | {"previousStatus": offer.status})
    if change.version is not None and change.version != offer.version:
        raise refused(offer, actor, "UPDATE", "stale", STALE)
    if reading.errors:
        raise invalid(actor, offer.id, "UPDATE", reading.errors)
    _change_terms(offer, reading.values, actor)
    if reading.status is not offer.status:
        end_call(session, offer, reading.status, actor=actor, now=now)
    offer.version += 1
    _log_updated(session, offer, before)
    return offer


def _read(offer: CallOffer, creator: Creator, change: OfferChange, now: datetime) -> _Reading:
    draft = _without_the_moment_shown(offer, change)
    values, errors = read_terms(draft, currency=creator.currency, zone=change.zone, now=now)
    changed = {column: value for column, value in values.items() if getattr(offer, column) != value}
    requested = {NAMES[column]: _shown(column, value, creator) for column, value in changed.items()}
    requested |= {name: text for name, text in draft.given().items() if name in errors}
    status = offer.status
    if draft.status is not None:
        try:
            status = OfferStatus(draft.status.strip().upper())
        except ValueError:
            errors["status"] = NO_STATUS
        if status is not offer.status or "status" in errors:
            requested["status"] = draft.status
    return _Reading(changed, status, errors, requested)


def _without_the_moment_shown(offer: CallOffer, change: OfferChange) -> OfferDraft:
    """A form gives back the moment that it showed: passed since, or in an hour that strikes twice, it stays."""
    shown = offer.starts_at.astimezone(change.zone).strftime("%Y-%m-%dT%H:%M")
    return replace(change.draft, date_time=None) if change.draft.date_time == shown else change.draft


def _shown(column: str, value: Any, creator: Creator) -> Any:
    return to_decimal(value, creator.currency) if column == "price_minor" else value


def _change_terms(offer: CallOffer, changed: Mapping[str, Any], actor: Actor) -> None:
    if changed and offer.status not in {OfferStatus.AVAILABLE, OfferStatus.BOOKED}:
        raise refused(offer, actor, "UPDATE", "closed", CLOSED)
    frozen = [NAMES[column] for column in changed if column in FROZEN]
    if frozen and offer.status is OfferStatus.BOOKED:
        raise refused(offer, actor, "UPDATE", "booked", NEVER, field=frozen[0])
    for column, value in changed.items():
        setattr(offer, column, value)


def _log_updated(session: Session, offer: CallOffer, before: Mapping[str, Any]) -> None:
    after = shown_terms(offer)
    changed = [name for name in after if after[name] != before[name]]
    facts = {
        "offerId": offer.id,
        "creatorId": offer.creator_id,
        "title": offer.title,
        "changes": [f"{name}: {_text(before[name])} → {_text(after[name])}" for name in changed],
        "previousStatus": before["status"],
        "newStatus": offer.status,
        "before": {name: before[name] for name in changed},
        "after": {name: after[name] for name in changed},
    }
    log_creator_action("OFFER_UPDATED", offer.creator_id, metadata=facts, session=session)


def _text(value: Any) -> str:
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    return text if len(text) <= SHORT else f"{text[:SHORT]}…"
