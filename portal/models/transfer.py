"""Transfers of creators' shares to their connected accounts."""

from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, CreatedAt, Id


class Transfer(Base):
    """One transfer; amounts in minor units of `currency`."""

    __tablename__ = "transfer"
    __table_args__ = (Index("ix_transfer_payment", "payment_id"),)

    id: Mapped[Id]
    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payment.id"))
    stripe_transfer_id: Mapped[str] = mapped_column(String(64), unique=True)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    reversed_minor: Mapped[int] = mapped_column(BigInteger, server_default="0")
    currency: Mapped[str] = mapped_column(String(3))
    created_at: Mapped[CreatedAt]
