"""Runs of scheduled jobs; one row per job and slot decides who runs."""

from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, String, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, Id, OptionalTimestamp, Timestamp, word

PAUSE_SETTING = "job_paused:"
LATE_SETTING = "job_late:"
"""Before a job's name: the settings that hold its pause, and that it was said to be late."""


class RunState(StrEnum):
    """How a run stands."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


class JobRun(Base):
    """One run of `job` for `slot` (the start of its period in UTC, or a manual run's own name)."""

    __tablename__ = "job_run"
    __table_args__ = (
        UniqueConstraint("job", "slot"),
        CheckConstraint("state in ('RUNNING', 'SUCCEEDED', 'FAILED')", name="state"),
        Index("ix_job_run_job_started", "job", "started_at"),
    )

    id: Mapped[Id]
    job: Mapped[str] = mapped_column(String(60))
    slot: Mapped[str] = mapped_column(String(80))
    state: Mapped[RunState] = mapped_column(word(RunState))
    node: Mapped[str] = mapped_column(String(120))
    fence: Mapped[int] = mapped_column(server_default="1", default=1)
    started_at: Mapped[Timestamp]
    heartbeat_at: Mapped[Timestamp]
    lease_until: Mapped[Timestamp]
    ended_at: Mapped[OptionalTimestamp]
    done: Mapped[int] = mapped_column(server_default="0", default=0)
    total: Mapped[int | None]
    summary: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}", default=dict)
    error: Mapped[str | None] = mapped_column(Text)
