"""Payments of bookings: destination charges with the platform's fee and the creator's share."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, CreatedAt, Id, OptionalTimestamp, word


class PaymentStatus(StrEnum):
    """Where a payment stands."""

    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    REFUNDED = "REFUNDED"
    CANCELED = "CANCELED"


class Payment(Base):
    """The `n`th payment intent of a booking. Amounts in minor units of `currency`; fee plus share is the amount.

    Key and parameters are stored before they are sent. FAILED with an intent is a declined card: it can be
    tried again; FAILED without one was refused when it was created.
    """

    __tablename__ = "payment"
    __table_args__ = (
        CheckConstraint("status in ('PENDING', 'SUCCEEDED', 'FAILED', 'REFUNDED', 'CANCELED')", name="status"),
        CheckConstraint("amount_minor = platform_fee_minor + creator_amount_minor", name="shares_add_up"),
        Index("ix_payment_booking", "booking_id"),
        Index("ix_payment_open", "booking_id", postgresql_where=text("status in ('PENDING', 'FAILED')")),
        Index("ix_payment_created", "created_at", "id"),
    )

    id: Mapped[Id]
    booking_id: Mapped[UUID] = mapped_column(ForeignKey("booking.id"))
    n: Mapped[int] = mapped_column(server_default="1", default=1)
    idempotency_key: Mapped[str | None] = mapped_column(String(80), unique=True)
    params: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    platform_fee_minor: Mapped[int] = mapped_column(BigInteger)
    creator_amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    status: Mapped[PaymentStatus] = mapped_column(word(PaymentStatus))
    stripe_payment_intent_id: Mapped[str | None] = mapped_column(String(64), unique=True)
    decline_code: Mapped[str | None] = mapped_column(String(80))
    error_message: Mapped[str | None] = mapped_column(String(500))
    succeeded_at: Mapped[OptionalTimestamp]
    created_at: Mapped[CreatedAt]
