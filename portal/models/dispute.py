"""Disputes that cardholders open against payments."""

from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, CreatedAt, Id, OptionalTimestamp


class Dispute(Base):
    """One dispute; `status` is Stripe's own word, `withdrawn_minor` what Stripe holds back now, minor units."""

    __tablename__ = "dispute"
    __table_args__ = (
        Index("ix_dispute_payment", "payment_id"),
        Index("ix_dispute_created", "created_at", "id"),
        Index("ix_dispute_open", "payment_id", postgresql_where=text("closed_at is null")),
    )

    id: Mapped[Id]
    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payment.id"))
    stripe_dispute_id: Mapped[str] = mapped_column(String(64), unique=True)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    withdrawn_minor: Mapped[int] = mapped_column(BigInteger, server_default="0", default=0)
    currency: Mapped[str] = mapped_column(String(3))
    reason: Mapped[str] = mapped_column(String(80))
    status: Mapped[str] = mapped_column(String(40))
    evidence_due_at: Mapped[OptionalTimestamp]
    closed_at: Mapped[OptionalTimestamp]
    created_at: Mapped[CreatedAt]
