"""Refunds of payments."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, CreatedAt, Id, OptionalTimestamp, word


class RefundStatus(StrEnum):
    """Where a refund stands."""

    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


class Refund(Base):
    """One refund of `amount_minor` minor units of a payment.

    `params` are frozen with `idempotency_key`: what is sent again is what was sent first. `next_send_at` is
    set as long as Stripe has not answered for good.
    """

    __tablename__ = "refund"
    __table_args__ = (
        CheckConstraint("status in ('PENDING', 'SUCCEEDED', 'FAILED')", name="status"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        Index("ix_refund_payment", "payment_id"),
        Index("ix_refund_created", "created_at", "id"),
        Index("ix_refund_due", "next_send_at", postgresql_where=text("next_send_at is not null")),
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
    idempotency_key: Mapped[str | None] = mapped_column(String(80), unique=True)
    params: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    form_token: Mapped[str | None] = mapped_column(String(64), unique=True)
    send_count: Mapped[int] = mapped_column(server_default="0", default=0)
    first_sent_at: Mapped[OptionalTimestamp]
    last_sent_at: Mapped[OptionalTimestamp]
    next_send_at: Mapped[OptionalTimestamp]
    lease_holder: Mapped[UUID | None]
    lease_until: Mapped[OptionalTimestamp]
    settled_at: Mapped[OptionalTimestamp]
    created_at: Mapped[CreatedAt]
