"""People who sign in, and their server-side sessions."""

from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, String, text, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.models.base import Base, CreatedAt, Id, OptionalTimestamp, Timestamp, word


class Role(StrEnum):
    """What somebody may do; a visitor without a session is a guest and has no row."""

    USER = "USER"
    CREATOR = "CREATOR"
    ADMIN = "ADMIN"


class Theme(StrEnum):
    """Light or dark, or as the system says."""

    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"


class Density(StrEnum):
    """How high the rows of a table are."""

    COMPACT = "compact"
    NORMAL = "normal"
    COMFORTABLE = "comfortable"


PAGE_SIZES = (25, 50, 100)


class User(Base):
    """Somebody with a password. E-mail addresses are stored in lower case."""

    __tablename__ = "user"
    __table_args__ = (
        CheckConstraint("role in ('USER', 'CREATOR', 'ADMIN')", name="role"),
        CheckConstraint("email = lower(email)", name="email_lower"),
        CheckConstraint("theme in ('auto', 'light', 'dark')", name="theme"),
        CheckConstraint("density in ('compact', 'normal', 'comfortable')", name="density"),
        CheckConstraint("page_size in (25, 50, 100)", name="page_size"),
    )

    id: Mapped[Id]
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    password_hash: Mapped[str] = mapped_column(String(255))
    role: Mapped[Role] = mapped_column(word(Role))
    locale: Mapped[str | None] = mapped_column(String(5))
    timezone: Mapped[str] = mapped_column(String(64), server_default="Europe/Paris")
    theme: Mapped[Theme] = mapped_column(word(Theme), server_default="auto")
    density: Mapped[Density] = mapped_column(word(Density), server_default="normal")
    page_size: Mapped[int] = mapped_column(SmallInteger, server_default="50")
    shortcuts: Mapped[bool] = mapped_column(server_default=true())
    disabled_at: Mapped[OptionalTimestamp]
    created_at: Mapped[CreatedAt]


class UserSession(Base):
    """One signed-in browser. The cookie holds a random token; only its SHA-256 is stored."""

    __tablename__ = "user_session"
    __table_args__ = (
        Index("ix_user_session_user_id", "user_id"),
        Index("ix_user_session_live", "expires_at", postgresql_where=text("ended_at is null")),
    )

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    ip_address: Mapped[str | None] = mapped_column(String(45))
    user_agent: Mapped[str | None] = mapped_column(String(400))
    created_at: Mapped[CreatedAt]
    seen_at: Mapped[Timestamp]
    expires_at: Mapped[Timestamp]
    ended_at: Mapped[OptionalTimestamp]

    user: Mapped[User] = relationship(lazy="joined", innerjoin=True)
