"""Searches of the books that people keep under a name, for themselves or for all who read the books."""

from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, CreatedAt, Id, Timestamp, word
from portal.models.log_export import Book


class SavedView(Base):
    """One search of one book; `query` is its address's, `name_key` its name without case and outer space."""

    __tablename__ = "saved_view"
    __table_args__ = (
        CheckConstraint("book in ('log', 'transaction_log')", name="book"),
        UniqueConstraint("owner_id", "book", "name_key"),
        Index("uq_saved_view_shared", "book", "name_key", unique=True, postgresql_where=text("is_shared")),
    )

    id: Mapped[Id]
    book: Mapped[Book] = mapped_column(word(Book))
    name: Mapped[str] = mapped_column(String(60))
    name_key: Mapped[str] = mapped_column(String(180))
    query: Mapped[str] = mapped_column(String(4000))
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("user.id"))
    is_shared: Mapped[bool] = mapped_column(Boolean, server_default="false", default=False)
    version: Mapped[int] = mapped_column(server_default="1", default=1)
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[Timestamp]
