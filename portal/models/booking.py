"""Calls that people booked."""

from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, CreatedAt, Id, OptionalTimestamp, word


class BookingStatus(StrEnum):
    """Where a booking stands."""

    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"


class Booking(Base):
    """One person's booking of one offer; an offer has at most one that is not cancelled."""

    __tablename__ = "booking"
    __table_args__ = (
        CheckConstraint("status in ('PENDING', 'CONFIRMED', 'COMPLETED', 'CANCELLED')", name="status"),
        Index("uq_booking_offer_live", "call_offer_id", unique=True,
              postgresql_where=text("status <> 'CANCELLED'")),
        Index("ix_booking_user", "user_id", "created_at"),
    )  # fmt: skip

    id: Mapped[Id]
    call_offer_id: Mapped[UUID] = mapped_column(ForeignKey("call_offer.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id"))
    status: Mapped[BookingStatus] = mapped_column(word(BookingStatus))
    confirmed_at: Mapped[OptionalTimestamp]
    ended_at: Mapped[OptionalTimestamp]
    created_at: Mapped[CreatedAt]
