"""Which late steps were told: one row a wait, so that each is told exactly once, however often it is looked at."""

from uuid import UUID

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, Timestamp


class OverdueStep(Base):
    """A step of `entity_id` due at `due_at` and told at `told_at`; `since` says which wait it was."""

    __tablename__ = "overdue_step"

    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    entity_id: Mapped[UUID] = mapped_column(primary_key=True)
    step: Mapped[str] = mapped_column(String(30), primary_key=True)
    since: Mapped[Timestamp] = mapped_column(primary_key=True)
    due_at: Mapped[Timestamp]
    told_at: Mapped[Timestamp]
