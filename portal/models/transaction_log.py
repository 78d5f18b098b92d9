"""`transaction_log`, the specification's `TransactionLog`: every movement of money. Never deleted."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    DateTime,
    Identity,
    Index,
    PrimaryKeyConstraint,
    String,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, pg_enum
from portal.models.log import LogActor


class TransactionEventType(StrEnum):
    """The specification's financial events, in its order."""

    PAYMENT_CREATED = "PAYMENT_CREATED"
    PAYMENT_SUCCEEDED = "PAYMENT_SUCCEEDED"
    PAYMENT_FAILED = "PAYMENT_FAILED"
    REFUND_CREATED = "REFUND_CREATED"
    REFUND_SUCCEEDED = "REFUND_SUCCEEDED"
    REFUND_FAILED = "REFUND_FAILED"
    PAYOUT_CREATED = "PAYOUT_CREATED"
    PAYOUT_PAID = "PAYOUT_PAID"
    PAYOUT_FAILED = "PAYOUT_FAILED"
    TRANSFER_CREATED = "TRANSFER_CREATED"
    TRANSFER_SUCCEEDED = "TRANSFER_SUCCEEDED"
    TRANSFER_FAILED = "TRANSFER_FAILED"
    WEBHOOK_RECEIVED = "WEBHOOK_RECEIVED"
    DISPUTE_CREATED = "DISPUTE_CREATED"
    DISPUTE_UPDATED = "DISPUTE_UPDATED"
    DISPUTE_CLOSED = "DISPUTE_CLOSED"


class EntityType(StrEnum):
    """What a financial event is about, in the specification's order."""

    PAYMENT = "PAYMENT"
    PAYOUT = "PAYOUT"
    REFUND = "REFUND"
    DISPUTE = "DISPUTE"
    TRANSFER = "TRANSFER"


def _owned(column: str) -> Index:
    where = text(f"{column} is not null")
    return Index(f"ix_transaction_log_{column}", column, "created_at", "id", postgresql_where=where)


NAMED_KEYS = ("bookingId", "creatorId", "offerId", "runId", "userId")
"""What only the metadata names; each key has its own partial index."""


def _named(key: str) -> Index:
    value = text(f"(metadata ->> '{key}')")
    where = text(f"metadata ->> '{key}' is not null")
    return Index(f"ix_transaction_log_{key.lower()}", value, "created_at", "id", postgresql_where=where)


class TransactionLog(Base):
    """One financial event, partitioned by month; `amount_minor` in minor units of `currency`."""

    __tablename__ = "transaction_log"
    __table_args__ = (
        PrimaryKeyConstraint("id", "created_at"),
        CheckConstraint("(amount_minor is null) = (currency is null)", name="amount_has_currency"),
        Index("ix_transaction_log_created", "created_at", "id"),
        Index("ix_transaction_log_type", "event_type", "created_at", "id"),
        Index("ix_transaction_log_entity", "entity_id", "created_at", "id"),
        Index("ix_transaction_log_entity_type", "entity_type", "created_at", "id",
              postgresql_include=["event_type"]),
        Index("ix_transaction_log_request", "request_id"),
        *map(_owned, ("payment_id", "payout_id", "refund_id", "stripe_event_id")),
        *map(_named, NAMED_KEYS),
        {"postgresql_partition_by": "RANGE (created_at)"},
    )  # fmt: skip

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=False))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp())
    event_type: Mapped[TransactionEventType] = mapped_column(
        pg_enum(TransactionEventType, "transaction_event_type")
    )
    entity_type: Mapped[EntityType] = mapped_column(pg_enum(EntityType, "entity_type"))
    entity_id: Mapped[str] = mapped_column(Text)
    stripe_event_id: Mapped[str | None] = mapped_column(Text)
    amount_minor: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str | None] = mapped_column(String(3))
    status: Mapped[str | None] = mapped_column(Text)
    details: Mapped[dict[str, Any]] = mapped_column("metadata", JSONB, server_default="{}")
    error_message: Mapped[str | None] = mapped_column(Text)
    payment_id: Mapped[str | None] = mapped_column(Text)
    payout_id: Mapped[str | None] = mapped_column(Text)
    refund_id: Mapped[str | None] = mapped_column(Text)
    actor: Mapped[LogActor] = mapped_column(pg_enum(LogActor, "log_actor"))
    actor_id: Mapped[str | None] = mapped_column(Text)
    request_id: Mapped[UUID]
    txid: Mapped[int] = mapped_column(BigInteger, server_default=text("pg_current_xact_id()"))
    salt: Mapped[UUID] = mapped_column(server_default=text("gen_random_uuid()"))
    search: Mapped[str] = mapped_column(
        Text, Computed("transaction_search(event_type, entity_id, status, error_message, metadata)")
    )
