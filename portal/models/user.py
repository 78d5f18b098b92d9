"""People who sign in."""

from enum import StrEnum

from sqlalchemy import CheckConstraint, SmallInteger, String, true
from sqlalchemy.orm import Mapped, mapped_column

from portal.models.base import Base, CreatedAt, Id, OptionalTimestamp, word
from portal.models.log import LogActor


class Role(StrEnum):
    """What somebody may do; a visitor without a session is a guest and has no row."""

    USER = "USER"
    CREATOR = "CREATOR"
    ADMIN = "ADMIN"
    AUDITOR = "AUDITOR"

    @property
    def actor(self) -> LogActor:
        """How the books, whose five actors are closed, call this role; an auditor's rows carry `role` as well."""
        return LogActor.ADMIN if self is Role.AUDITOR else LogActor(self)


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
        CheckConstraint("role in ('USER', 'CREATOR', 'ADMIN', 'AUDITOR')", name="role"),
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
