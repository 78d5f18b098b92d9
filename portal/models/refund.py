"""Refunds of payments."""

from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, CreatedAt, Id, word


class RefundStatus(StrEnum):
    """Where a refund stands."""

    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


class Refund(Base):
    """One refund of `amount_minor` minor units of a payment."""

    __tablename__ = "refund"
    __table_args__ = (
        CheckConstraint("status in ('PENDING', 'SUCCEEDED', 'FAILED')", name="status"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        Index("ix_refund_payment", "payment_id"),
    )

    id: Mapped[Id]
    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payment.id"))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    reason: Mapped[str] = mapped_column(String(500))
    status: Mapped[RefundStatus] = mapped_column(word(RefundStatus))
    stripe_refund_id: Mapped[str | None] = mapped_column(String(64), unique=True)
    failure_reason: Mapped[str | None] = mapped_column(String(120))
    initiated_by: Mapped[UUID | None] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[CreatedAt]
