"""The payments and refunds of one booking."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import Payment, Refund


def payments_of(session: Session, booking_id: UUID) -> Sequence[Payment]:
    """A booking's payments in the order they were begun."""
    query = select(Payment).where(Payment.booking_id == booking_id).order_by(Payment.n, Payment.id)
    return session.scalars(query.execution_options(populate_existing=True)).all()


def refunds_of(session: Session, booking_id: UUID) -> Sequence[Refund]:
    """What was asked back of a booking's payments, oldest first."""
    query = select(Refund).join(Payment, Payment.id == Refund.payment_id).where(Payment.booking_id == booking_id)
    query = query.order_by(Refund.created_at, Refund.id)
    return session.scalars(query.execution_options(populate_existing=True)).all()
