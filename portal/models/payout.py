"""Payouts, the attempts to send them to Stripe, and the status moves that exist."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.models.base import Base, CreatedAt, Id, OptionalTimestamp, Timestamp, word
from portal.models.creator import Creator


class PayoutStatus(StrEnum):
    """Where a payout stands. SUBMITTING: sent or maybe sent, its outcome is not known yet."""

    REQUESTED = "REQUESTED"
    APPROVED = "APPROVED"
    SUBMITTING = "SUBMITTING"
    PROCESSING = "PROCESSING"
    PAID = "PAID"
    FAILED = "FAILED"
    RETURNED = "RETURNED"
    REVIEW = "REVIEW"
    REJECTED = "REJECTED"
    CANCELED = "CANCELED"


class PayoutRoute(StrEnum):
    """`review`: an admin decides. `auto`: the amount is within the limit of automatic approval."""

    REVIEW = "review"
    AUTO = "auto"


class PayoutSource(StrEnum):
    """Who asked for the payout."""

    CREATOR = "creator"
    JOB = "job"
    ADMIN = "admin"


class AttemptState(StrEnum):
    """What is known of one attempt's POST to Stripe."""

    PREPARED = "PREPARED"
    SENT = "SENT"
    CREATED = "CREATED"
    REFUSED = "REFUSED"
    ABANDONED = "ABANDONED"


S = PayoutStatus

MOVES: dict[PayoutStatus, frozenset[PayoutStatus]] = {
    S.REQUESTED: frozenset({S.APPROVED, S.REJECTED, S.CANCELED}),
    S.APPROVED: frozenset({S.SUBMITTING, S.CANCELED}),
    S.SUBMITTING: frozenset({S.PROCESSING, S.FAILED, S.REVIEW}),
    S.REVIEW: frozenset({S.PROCESSING, S.APPROVED}),
    S.PROCESSING: frozenset({S.PAID, S.FAILED, S.CANCELED}),
    S.PAID: frozenset({S.RETURNED}),
    S.FAILED: frozenset({S.APPROVED, S.PROCESSING}),
    S.RETURNED: frozenset({S.APPROVED}),
    S.REJECTED: frozenset(),
    S.CANCELED: frozenset(),
}

RESERVED = (S.REQUESTED, S.APPROVED, S.SUBMITTING, S.REVIEW)
"""Amounts not yet debited at Stripe; PROCESSING is, so it is not subtracted from the balance again."""

_OPEN = text("status in ('REQUESTED', 'APPROVED', 'SUBMITTING', 'REVIEW')")


class IllegalMove(Exception):
    """A status move that the table does not hold: a bug, never an answer to a person."""


class Payout(Base):
    """One payment of `amount_minor` minor units to a creator's bank account."""

    __tablename__ = "payout"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint(
            "status in ('REQUESTED', 'APPROVED', 'SUBMITTING', 'PROCESSING', 'PAID', 'FAILED', 'RETURNED',"
            " 'REVIEW', 'REJECTED', 'CANCELED')",
            name="status",
        ),
        CheckConstraint("route in ('review', 'auto')", name="route"),
        CheckConstraint("source in ('creator', 'job', 'admin')", name="source"),
        Index("uq_payout_period", "creator_id", "currency", "period_key", unique=True,
              postgresql_where=text("period_key is not null")),
        Index("uq_payout_open", "creator_id", "currency", unique=True, postgresql_where=_OPEN),
        Index("ix_payout_status", "status", "created_at", "id"),
        Index("ix_payout_creator", "creator_id", "created_at", "id"),
        Index("ix_payout_created", "created_at", "id"),
        Index("ix_payout_check", "next_check_at", postgresql_where=text("next_check_at is not null")),
    )  # fmt: skip

    id: Mapped[Id]
    creator_id: Mapped[UUID] = mapped_column(ForeignKey("creator.id"))
    stripe_account_id: Mapped[str] = mapped_column(String(64))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    route: Mapped[PayoutRoute] = mapped_column(word(PayoutRoute))
    source: Mapped[PayoutSource] = mapped_column(word(PayoutSource))
    period_key: Mapped[str | None] = mapped_column(String(40))
    form_token: Mapped[str | None] = mapped_column(String(120), unique=True)
    status: Mapped[PayoutStatus] = mapped_column(word(PayoutStatus))
    stripe_payout_id: Mapped[str | None] = mapped_column(String(64), unique=True)
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("user.id"))
    decided_at: Mapped[OptionalTimestamp]
    rejection_reason: Mapped[str | None] = mapped_column(String(500))
    failure_code: Mapped[str | None] = mapped_column(String(80))
    failure_message: Mapped[str | None] = mapped_column(Text)
    balance_before_minor: Mapped[int | None] = mapped_column(BigInteger)
    arrival_at: Mapped[OptionalTimestamp]
    paid_at: Mapped[OptionalTimestamp]
    next_check_at: Mapped[OptionalTimestamp]
    version: Mapped[int] = mapped_column(server_default="1", default=1)
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[Timestamp]

    creator: Mapped[Creator] = relationship(lazy="raise_on_sql")
    attempts: Mapped[list["PayoutAttempt"]] = relationship(order_by="PayoutAttempt.n", lazy="raise_on_sql")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 -- SQLAlchemy's own spelling

    def move_to(self, status: PayoutStatus, *, at: datetime) -> PayoutStatus:
        """Change the status and return the one before. Raises IllegalMove outside the table of moves."""
        previous = self.status
        if status not in MOVES[previous]:
            raise IllegalMove(f"payout {self.id}: {previous} -> {status}")
        self.status = status
        self.updated_at = at
        return previous


class PayoutAttempt(Base):
    """One attempt to create the payout at Stripe: its key and parameters never change once stored."""

    __tablename__ = "payout_attempt"
    __table_args__ = (
        UniqueConstraint("payout_id", "n"),
        CheckConstraint("state in ('PREPARED', 'SENT', 'CREATED', 'REFUSED', 'ABANDONED')", name="state"),
        Index("uq_payout_attempt_live", "payout_id", unique=True,
              postgresql_where=text("state in ('PREPARED', 'SENT')")),
        Index("ix_payout_attempt_due", "next_send_at", postgresql_where=text("state in ('PREPARED', 'SENT')")),
    )  # fmt: skip

    id: Mapped[Id]
    payout_id: Mapped[UUID] = mapped_column(ForeignKey("payout.id"))
    n: Mapped[int]
    idempotency_key: Mapped[str] = mapped_column(String(80), unique=True)
    params: Mapped[dict[str, Any]] = mapped_column(JSONB)
    api_version: Mapped[str] = mapped_column(String(40))
    state: Mapped[AttemptState] = mapped_column(word(AttemptState))
    stripe_payout_id: Mapped[str | None] = mapped_column(String(64), unique=True)
    first_sent_at: Mapped[OptionalTimestamp]
    last_sent_at: Mapped[OptionalTimestamp]
    send_count: Mapped[int] = mapped_column(server_default="0", default=0)
    next_send_at: Mapped[OptionalTimestamp]
    lease_until: Mapped[OptionalTimestamp]
    lease_holder: Mapped[UUID | None]
    error_type: Mapped[str | None] = mapped_column(String(80))
    error_code: Mapped[str | None] = mapped_column(String(80))
    error_message: Mapped[str | None] = mapped_column(Text)
    error_http_status: Mapped[int | None]
    stripe_request_id: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[CreatedAt]


class PayoutApproval(Base):
    """The first of two approvals that a large payout's attempt `n` needs; it stands until withdrawn."""

    __tablename__ = "payout_approval"
    __table_args__ = (
        Index("uq_payout_approval_standing", "payout_id", "n", unique=True,
              postgresql_where=text("withdrawn_at is null")),
    )  # fmt: skip

    id: Mapped[Id]
    payout_id: Mapped[UUID] = mapped_column(ForeignKey("payout.id"))
    n: Mapped[int]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[CreatedAt]
    withdrawn_at: Mapped[OptionalTimestamp]
