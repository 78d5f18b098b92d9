"""Calls that people booked."""

from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.models.base import Base, CreatedAt, Id, OptionalTimestamp, word
from portal.models.call_offer import CallOffer
from portal.models.user import User


class BookingStatus(StrEnum):
    """Where a booking stands."""

    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"


class Booking(Base):
    """One person's booking of one offer; an offer has at most one that is not cancelled.

    Unpaid, it ends at `expires_at`. The room is named when the call is booked, and shown once it is confirmed.
    """

    __tablename__ = "booking"
    __table_args__ = (
        CheckConstraint("status in ('PENDING', 'CONFIRMED', 'COMPLETED', 'CANCELLED')", name="status"),
        Index("uq_booking_offer_live", "call_offer_id", unique=True,
              postgresql_where=text("status <> 'CANCELLED'")),
        Index("ix_booking_user", "user_id", "created_at"),
        Index("ix_booking_expiring", "expires_at", postgresql_where=text("status = 'PENDING'")),
    )  # fmt: skip

    id: Mapped[Id]
    call_offer_id: Mapped[UUID] = mapped_column(ForeignKey("call_offer.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id"))
    status: Mapped[BookingStatus] = mapped_column(word(BookingStatus))
    expires_at: Mapped[OptionalTimestamp]
    confirmed_at: Mapped[OptionalTimestamp]
    ended_at: Mapped[OptionalTimestamp]
    end_reason: Mapped[str | None] = mapped_column(String(200))
    daily_room_name: Mapped[str | None] = mapped_column(String(80))
    daily_room_url: Mapped[str | None] = mapped_column(String(300))
    created_at: Mapped[CreatedAt]

    offer: Mapped[CallOffer] = relationship(lazy="raise")
    user: Mapped[User] = relationship(lazy="raise")
