"""Calls that creators sell."""

from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, CreatedAt, Id, Timestamp, word


class OfferStatus(StrEnum):
    """Where an offer stands."""

    AVAILABLE = "AVAILABLE"
    BOOKED = "BOOKED"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"


class CallOffer(Base):
    """One call at one time; `price_minor` in minor units, `duration_minutes` in minutes."""

    __tablename__ = "call_offer"
    __table_args__ = (
        CheckConstraint("status in ('AVAILABLE', 'BOOKED', 'COMPLETED', 'CANCELLED')", name="status"),
        CheckConstraint("price_minor > 0", name="price_positive"),
        Index("ix_call_offer_creator", "creator_id", "starts_at"),
    )

    id: Mapped[Id]
    creator_id: Mapped[UUID] = mapped_column(ForeignKey("creator.id"))
    title: Mapped[str] = mapped_column(String(160))
    description: Mapped[str] = mapped_column(Text, server_default="")
    price_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    starts_at: Mapped[Timestamp]
    duration_minutes: Mapped[int]
    status: Mapped[OfferStatus] = mapped_column(word(OfferStatus))
    created_at: Mapped[CreatedAt]
