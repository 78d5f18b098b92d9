"""Rows of the two books at any moment, as only the database's owner can write them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from portal.models import Log, TransactionLog

NOON = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Event:
    """One row of `log` to write."""

    type: str = "USER_LOGIN"
    level: str = "INFO"
    actor: str = "SYSTEM"
    actor_id: str | None = None
    message: str = "Connexion réussie"
    details: Mapping[str, Any] = field(default_factory=dict)
    request_id: UUID = field(default_factory=uuid4)
    at: datetime = NOON


@dataclass(frozen=True)
class Money:
    """One row of `transaction_log` to write."""

    event_type: str = "PAYOUT_PAID"
    entity_type: str = "PAYOUT"
    entity_id: str = "p-1"
    amount_minor: int | None = None
    currency: str | None = None
    status: str | None = None
    stripe_event_id: str | None = None
    payment_id: str | None = None
    payout_id: str | None = None
    refund_id: str | None = None
    error_message: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    request_id: UUID = field(default_factory=uuid4)
    at: datetime = NOON
    actor: str = "SYSTEM"
    actor_id: str | None = None


def make_partitions(session: Session, first: datetime, last: datetime) -> None:
    """Room in both books for rows of the past."""
    session.execute(text("select make_partitions(:first, :last)"), {"first": first, "last": last})


def write(session: Session, events: Iterable[Event]) -> list[int]:
    """Write rows of `log`, in order, and return their ids."""
    values = [
        {
            "type": e.type,
            "level": e.level,
            "actor": e.actor,
            "actor_id": e.actor_id,
            "message": e.message,
            "details": dict(e.details),
            "request_id": e.request_id,
            "created_at": e.at,
        }
        for e in events
    ]
    make_partitions(session, min(v["created_at"] for v in values), max(v["created_at"] for v in values))
    ids = session.scalars(insert(Log).returning(Log.id, sort_by_parameter_order=True), values).all()
    session.commit()
    return list(ids)


def write_money(session: Session, rows: Iterable[Money]) -> list[int]:
    """Write rows of `transaction_log`, in order, and return their ids."""
    values = [
        {name: getattr(row, name) for name in Money.__dataclass_fields__ if name != "at"}
        | {"created_at": row.at, "details": dict(row.details)}
        for row in rows
    ]
    make_partitions(session, min(v["created_at"] for v in values), max(v["created_at"] for v in values))
    returning = insert(TransactionLog).returning(TransactionLog.id, sort_by_parameter_order=True)
    ids = session.scalars(returning, values).all()
    session.commit()
    return list(ids)


def minutes(n: float) -> timedelta:
    """A short span."""
    return timedelta(minutes=n)
