"""What left the books as files: who asked, which filters, how it ended, and the digest of what was sent."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, Id, OptionalTimestamp, Timestamp, word


class Book(StrEnum):
    """The two audit books, by their tables' names."""

    LOG = "log"
    TRANSACTION_LOG = "transaction_log"


class ExportFormat(StrEnum):
    """What an export's file is written in."""

    CSV = "csv"
    NDJSON = "ndjson"


class ExportState(StrEnum):
    """How an export stands. CUT: it was not read to its end; FAILED: the database or the portal broke it."""

    RUNNING = "RUNNING"
    COMPLETE = "COMPLETE"
    CUT = "CUT"
    FAILED = "FAILED"


class LogExport(Base):
    """One export; the application can set how it ended, but neither who asked nor for what, and deletes none."""

    __tablename__ = "log_export"
    __table_args__ = (
        CheckConstraint("book in ('log', 'transaction_log')", name="book"),
        CheckConstraint("format in ('csv', 'ndjson')", name="format"),
        CheckConstraint("state in ('RUNNING', 'COMPLETE', 'CUT', 'FAILED')", name="state"),
        CheckConstraint("(state = 'RUNNING') = (ended_at is null)", name="ended"),
        Index("ix_log_export_started", "started_at", "id"),
    )

    id: Mapped[Id]
    book: Mapped[Book] = mapped_column(word(Book))
    format: Mapped[ExportFormat] = mapped_column(word(ExportFormat))
    filters: Mapped[dict[str, Any]] = mapped_column(JSONB)
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("user.id"))
    asked_by: Mapped[str] = mapped_column(String(200))
    request_id: Mapped[UUID]
    started_at: Mapped[Timestamp]
    ended_at: Mapped[OptionalTimestamp]
    state: Mapped[ExportState] = mapped_column(word(ExportState))
    row_count: Mapped[int] = mapped_column(BigInteger, server_default="0", default=0)
    byte_count: Mapped[int] = mapped_column(BigInteger, server_default="0", default=0)
    sha256: Mapped[str | None] = mapped_column(String(64))
    error: Mapped[str | None] = mapped_column(String(200))
