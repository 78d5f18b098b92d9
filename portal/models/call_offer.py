"""Calls that creators sell."""

from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.models.base import Base, CreatedAt, Id, OptionalTimestamp, Timestamp, word
from portal.models.creator import Creator


class OfferStatus(StrEnum):
    """Where an offer stands."""

    AVAILABLE = "AVAILABLE"
    BOOKED = "BOOKED"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"


MOVES = {
    OfferStatus.AVAILABLE: frozenset({OfferStatus.CANCELLED}),
    OfferStatus.BOOKED: frozenset({OfferStatus.CANCELLED, OfferStatus.COMPLETED}),
}
"""What its creator can make of an offer; booking it, and an unpaid booking's end, are the bookings' moves."""


class CallOffer(Base):
    """One call at one time; `price_minor` in minor units, `duration_minutes` in minutes.

    A deleted offer is hidden and kept: audit rows and bookings go on naming it.
    """

    __tablename__ = "call_offer"
    __table_args__ = (
        CheckConstraint("status in ('AVAILABLE', 'BOOKED', 'COMPLETED', 'CANCELLED')", name="status"),
        CheckConstraint("price_minor > 0", name="price_positive"),
        Index("ix_call_offer_creator", "creator_id", "starts_at"),
        Index(
            "ix_call_offer_available",
            "starts_at",
            postgresql_where=text("status = 'AVAILABLE' and deleted_at is null"),
        ),
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
    version: Mapped[int] = mapped_column(server_default="1", default=1)
    deleted_at: Mapped[OptionalTimestamp]
    created_at: Mapped[CreatedAt]

    creator: Mapped[Creator] = relationship(lazy="raise")
