"""`log`, the specification's `Log`: everything that happened but money. Append-only for the application."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Computed, DateTime, Identity, Index, PrimaryKeyConstraint, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, pg_enum


class LogLevel(StrEnum):
    """The specification's levels, in its order."""

    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"


class LogActor(StrEnum):
    """Who acted, in the specification's order."""

    USER = "USER"
    CREATOR = "CREATOR"
    ADMIN = "ADMIN"
    SYSTEM = "SYSTEM"
    GUEST = "GUEST"


TRACED_KEYS = (
    "payoutId",
    "bookingId",
    "paymentId",
    "refundId",
    "disputeId",
    "offerId",
    "creatorId",
    "eventId",
    "runId",
)
"""Metadata keys that name an entity; each has its own partial index, and so has userId, which names a person."""


def _traced(key: str) -> Index:
    value = text(f"(metadata ->> '{key}')")
    where = text(f"metadata ->> '{key}' is not null")
    return Index(f"ix_log_{key.lower()}", value, "created_at", "id", postgresql_where=where)


class Log(Base):
    """One event, partitioned by week of `created_at`, which the database sets."""

    __tablename__ = "log"
    __table_args__ = (
        PrimaryKeyConstraint("id", "created_at"),
        Index("ix_log_created", "created_at", "id"),
        Index("ix_log_level", "level", "created_at", "id"),
        Index("ix_log_type", "type", "level", "created_at", "id"),
        Index("ix_log_actor", "actor", "created_at", "id"),
        Index("ix_log_actor_id", "actor_id", "created_at", "id",
              postgresql_where=text("actor_id is not null")),
        Index("ix_log_request", "request_id"),
        Index("ix_log_txid", "txid"),
        *map(_traced, (*TRACED_KEYS, "userId")),
        Index("ix_log_violation", "created_at", "id",
              postgresql_where=text("metadata ? 'catalogueViolation'")),
        {"postgresql_partition_by": "RANGE (created_at)"},
    )  # fmt: skip

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=False))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp())
    level: Mapped[LogLevel] = mapped_column(pg_enum(LogLevel, "log_level"))
    type: Mapped[str] = mapped_column(Text)
    actor: Mapped[LogActor] = mapped_column(pg_enum(LogActor, "log_actor"))
    actor_id: Mapped[str | None] = mapped_column(Text)
    message: Mapped[str] = mapped_column(Text)
    details: Mapped[dict[str, Any]] = mapped_column("metadata", JSONB, server_default="{}")
    request_id: Mapped[UUID]
    txid: Mapped[int] = mapped_column(BigInteger, server_default=text("pg_current_xact_id()"))
    salt: Mapped[UUID] = mapped_column(server_default=text("gen_random_uuid()"))
    search: Mapped[str] = mapped_column(Text, Computed("log_search(type, message, actor_id, metadata)"))


class Counts:
    """How many rows of a level, and of what a table adds, there are in a bucket of time."""

    bucket: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    level: Mapped[LogLevel] = mapped_column(pg_enum(LogLevel, "log_level"), primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger)


class LogHourType(Counts, Base):
    """How many rows of a level and type a complete hour holds."""

    __tablename__ = "log_hour_type"

    type: Mapped[str] = mapped_column(Text, primary_key=True)


class LogHourActor(Counts, Base):
    """How many rows of a level and actor a complete hour holds."""

    __tablename__ = "log_hour_actor"

    actor: Mapped[LogActor] = mapped_column(pg_enum(LogActor, "log_actor"), primary_key=True)


class LogDayType(Counts, Base):
    """The hours of a day of UTC together, by level and type, once all of them are counted."""

    __tablename__ = "log_day_type"

    type: Mapped[str] = mapped_column(Text, primary_key=True)


class LogDayActor(Counts, Base):
    """The hours of a day of UTC together, by level and actor, once all of them are counted."""

    __tablename__ = "log_day_actor"

    actor: Mapped[LogActor] = mapped_column(pg_enum(LogActor, "log_actor"), primary_key=True)
