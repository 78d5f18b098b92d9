"""What went wrong and has to be told: alerts, the messages about them, and who wants to hear none for a while."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, Id, OptionalTimestamp, Timestamp, word


class AlertKind(StrEnum):
    """What an alert is about."""

    CRITICAL = "critical"
    ERRORS = "errors"
    JOB = "job"
    PAYOUTS = "payouts"
    WEBHOOKS = "webhooks"


class MessageKind(StrEnum):
    """What a message says of its alerts."""

    RAISED = "raised"
    REMINDER = "reminder"
    RESOLVED = "resolved"


class Alert(Base):
    """One span of time in which something was wrong. `key` names what; at most one alert of a key is open.

    `told_at`: when a message about it was last put in the outbox; `handled_by` acknowledged it.
    """

    __tablename__ = "alert"
    __table_args__ = (
        CheckConstraint(f"kind in ({', '.join(repr(kind.value) for kind in AlertKind)})", name="kind"),
        Index("uq_alert_open", "key", unique=True, postgresql_where=text("resolved_at is null")),
        Index("ix_alert_key_told", "key", "told_at"),
        Index("ix_alert_opened", "opened_at", "id"),
    )

    id: Mapped[Id]
    key: Mapped[str] = mapped_column(String(200))
    kind: Mapped[AlertKind] = mapped_column(word(AlertKind))
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}", default=dict)
    opened_at: Mapped[Timestamp]
    seen_at: Mapped[Timestamp]
    resolved_at: Mapped[OptionalTimestamp]
    told_at: Mapped[OptionalTimestamp]
    acknowledged_at: Mapped[OptionalTimestamp]
    acknowledged_by: Mapped[UUID | None] = mapped_column(ForeignKey("user.id"))

    @property
    def created_at(self) -> datetime:
        """Its place in a list."""
        return self.opened_at


class AlertSilence(Base):
    """No message about a key until a moment, and why."""

    __tablename__ = "alert_silence"

    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    until: Mapped[Timestamp]
    reason: Mapped[str] = mapped_column(Text)
    set_by: Mapped[UUID | None] = mapped_column(ForeignKey("user.id"))
    set_at: Mapped[Timestamp]


class AlertMessage(Base):
    """One message to one target. Sent at least once: a receiver tells a second copy by `reference`."""

    __tablename__ = "alert_message"
    __table_args__ = (
        CheckConstraint(f"kind in ({', '.join(repr(kind.value) for kind in MessageKind)})", name="kind"),
        UniqueConstraint("reference", "target"),
        Index("ix_alert_message_due", "next_try_at", postgresql_where=text("next_try_at is not null")),
        Index("ix_alert_message_made", "made_at"),
    )

    id: Mapped[Id]
    reference: Mapped[str] = mapped_column(String(80))
    target: Mapped[str] = mapped_column(String(80))
    kind: Mapped[MessageKind] = mapped_column(word(MessageKind))
    title: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    made_at: Mapped[Timestamp]
    next_try_at: Mapped[OptionalTimestamp]
    tries: Mapped[int] = mapped_column(server_default="0", default=0)
    sent_at: Mapped[OptionalTimestamp]
    last_error: Mapped[str | None] = mapped_column(Text)
