"""Disputes that no bank has decided yet, by the creator whose call was paid for."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import Booking, CallOffer, Payment
from portal.models import Dispute as Dispute


def open_disputes(session: Session, creator_id: UUID) -> Sequence[Dispute]:
    """A creator's open disputes, the one due first at the head."""
    query = _open(Dispute).where(CallOffer.creator_id == creator_id)
    return session.scalars(query.order_by(Dispute.evidence_due_at, Dispute.id)).all()


def disputed_creators(session: Session, creators: Iterable[UUID]) -> set[UUID]:
    """Which of these creators have an open dispute."""
    query = _open(CallOffer.creator_id).where(CallOffer.creator_id.in_(set(creators)))
    return set(session.scalars(query.distinct()))


def _open(what: Any) -> Any:
    query = select(what).select_from(Dispute).join(Payment, Payment.id == Dispute.payment_id)
    query = query.join(Booking, Booking.id == Payment.booking_id)
    query = query.join(CallOffer, CallOffer.id == Booking.call_offer_id)
    return query.where(Dispute.closed_at.is_(None))
