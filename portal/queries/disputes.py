"""Disputes that no bank has decided yet, by the creator whose call was paid for."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import Booking, CallOffer, Payment
from portal.models import Dispute as Dispute


def open_disputes(session: Session, creator_id: UUID) -> Sequence[Dispute]:
    """A creator's open disputes, the one due first at the head."""
    query = select(Dispute).join(Payment, Payment.id == Dispute.payment_id)
    query = query.join(Booking, Booking.id == Payment.booking_id)
    query = query.join(CallOffer, CallOffer.id == Booking.call_offer_id)
    query = query.where(Dispute.closed_at.is_(None), CallOffer.creator_id == creator_id)
    return session.scalars(query.order_by(Dispute.evidence_due_at, Dispute.id)).all()
