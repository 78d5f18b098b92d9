"""Money that has no call any more goes back by itself: a stored refund, sent by the sender of refunds."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.actor import SYSTEM
from portal.domain.errors import RefundRefused
from portal.domain.refunds.request import request_refund
from portal.models import Payment, PaymentStatus

LATE = "Paiement reçu après la fin de la réservation"
CANCELLED = "Appel annulé par le créateur"


def give_back(session: Session, payment_id: UUID, *, reason: str, now: datetime) -> None:
    """Ask for all that is left of the payment, once; what cannot be given back is recorded, for an admin."""
    try:
        token = f"auto:{payment_id}"
        request_refund(session, payment_id=payment_id, reason=reason, actor=SYSTEM, now=now, form_token=token)
    except RefundRefused:
        return


def give_back_booking(session: Session, booking_id: UUID, *, now: datetime) -> None:
    """Give back whatever was paid for a booking that its creator cancelled."""
    paid = select(Payment.id).where(Payment.booking_id == booking_id, Payment.status == PaymentStatus.SUCCEEDED)
    for payment_id in session.scalars(paid).all():
        give_back(session, payment_id, reason=CANCELLED, now=now)
