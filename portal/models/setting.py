"""Switches that admins set while the portal runs, such as the pause of sending."""

from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, Timestamp

SENDING_PAUSED = "payout_sending_paused"
"""The setting that stops all sending while it exists: reason, since, by."""


class Setting(Base):
    """One named value with who set it last."""

    __tablename__ = "setting"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    value: Mapped[Any] = mapped_column(JSONB)
    set_by: Mapped[UUID | None] = mapped_column(ForeignKey("user.id"))
    set_at: Mapped[Timestamp]
