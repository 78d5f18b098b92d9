"""The inbox: every event that Stripe signed and we acknowledged, with its bytes."""

from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, Text, text
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, OptionalTimestamp, Timestamp, word


class InboxState(StrEnum):
    """RECEIVED: to process. IGNORED: no handler, or not ours. DEAD: given up, an admin decides."""

    RECEIVED = "RECEIVED"
    PROCESSED = "PROCESSED"
    IGNORED = "IGNORED"
    DEAD = "DEAD"
    DISMISSED = "DISMISSED"


class EventOrigin(StrEnum):
    """How an event reached us: Stripe posted it, or it was found missing in Stripe's list of events."""

    WEBHOOK = "webhook"
    LIST = "list"


def _subject(row: DefaultExecutionContext) -> str:
    """The object itself, for a row that does not say what it must not be processed beside."""
    given = row.get_current_parameters()  # type: ignore[no-untyped-call]
    return str(given.get("object_id") or given["id"])


class StripeEvent(Base):
    """One event, keyed by Stripe's own id; `payload` is the body as it was signed, or as the list gave it.

    `subject` is what no two events are processed beside each other for; `note` is why an admin dismissed it;
    `decided_by` and `decided_at` say who sent it round again or dismissed it last.
    """

    __tablename__ = "stripe_event"
    __table_args__ = (
        CheckConstraint("state in ('RECEIVED', 'PROCESSED', 'IGNORED', 'DEAD', 'DISMISSED')", name="state"),
        CheckConstraint("origin in ('webhook', 'list')", name="origin"),
        Index("ix_stripe_event_due", "next_try_at", postgresql_where=text("state = 'RECEIVED'")),
        Index(
            "ix_stripe_event_leased",
            "subject",
            postgresql_where=text("state = 'RECEIVED' and lease_until is not null"),
        ),
        Index("ix_stripe_event_object", "object_id", "stripe_created_at"),
        Index("ix_stripe_event_received", "received_at", "id"),
        Index("ix_stripe_event_subject", "subject"),
        Index("ix_stripe_event_type", "type", "received_at", "id"),
        Index(
            "ix_stripe_event_account", "account", "received_at", "id", postgresql_where=text("account is not null")
        ),
        Index(
            "ix_stripe_event_unprocessed",
            "state",
            "received_at",
            "id",
            postgresql_where=text("state <> 'PROCESSED'"),
        ),
        Index("ix_stripe_event_failed", "received_at", "id", postgresql_where=text("last_error is not null")),
    )

    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    type: Mapped[str] = mapped_column(String(80))
    account: Mapped[str | None] = mapped_column(String(64))
    object_type: Mapped[str | None] = mapped_column(String(80))
    object_id: Mapped[str | None] = mapped_column(String(80))
    subject: Mapped[str] = mapped_column(String(80), default=_subject)
    livemode: Mapped[bool]
    api_version: Mapped[str | None] = mapped_column(String(40))
    payload: Mapped[bytes] = mapped_column(LargeBinary)
    origin: Mapped[EventOrigin] = mapped_column(word(EventOrigin), server_default="webhook")
    request_id: Mapped[UUID]
    stripe_created_at: Mapped[Timestamp]
    received_at: Mapped[Timestamp]
    state: Mapped[InboxState] = mapped_column(word(InboxState))
    processed_at: Mapped[OptionalTimestamp]
    next_try_at: Mapped[OptionalTimestamp]
    lease_until: Mapped[OptionalTimestamp]
    tries: Mapped[int] = mapped_column(server_default="0", default=0)
    last_error: Mapped[str | None] = mapped_column(Text)
    last_stack: Mapped[str | None] = mapped_column(Text)
    note: Mapped[str | None] = mapped_column(Text)
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("user.id"))
    decided_at: Mapped[OptionalTimestamp]
