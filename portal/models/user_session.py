"""Signed-in browsers, second factors, and what guards signing in."""

from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, String, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.models.base import Base, CreatedAt, OptionalTimestamp, Timestamp, uuid7
from portal.models.sealed_text import SealedText
from portal.models.user import User


class UserSession(Base):
    """One signed-in browser. The cookie holds a random token; only its SHA-256 is stored.

    `former_hash` is the token before the last rotation and `salt` what made the present one of it.
    """

    __tablename__ = "user_session"
    __table_args__ = (
        Index("ix_user_session_user_id", "user_id"),
        Index("ix_user_session_live", "expires_at", postgresql_where=text("ended_at is null")),
        Index("ix_user_session_former", "former_hash", unique=True,
              postgresql_where=text("former_hash is not null")),
    )  # fmt: skip

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    id: Mapped[UUID] = mapped_column(Uuid, unique=True, default=uuid7, server_default=text("gen_random_uuid()"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    ip_address: Mapped[str | None] = mapped_column(String(45))
    user_agent: Mapped[str | None] = mapped_column(String(400))
    created_at: Mapped[CreatedAt]
    seen_at: Mapped[Timestamp]
    expires_at: Mapped[Timestamp]
    ended_at: Mapped[OptionalTimestamp]
    rotated_at: Mapped[Timestamp]
    confirmed_at: Mapped[Timestamp]
    former_hash: Mapped[str | None] = mapped_column(String(64))
    salt: Mapped[str | None] = mapped_column(String(64))

    user: Mapped[User] = relationship(lazy="joined", innerjoin=True)


class SecondFactor(Base):
    """An authenticator's secret, which counts once confirmed; `last_step` is the step of the last code taken.

    The secret is None when it was sealed under a key that is gone: then no code is right.
    """

    __tablename__ = "second_factor"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)
    secret: Mapped[str | None] = mapped_column(SealedText(255), nullable=False)
    last_step: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    confirmed_at: Mapped[OptionalTimestamp]
    created_at: Mapped[CreatedAt]


class RecoveryCode(Base):
    """One way in without the authenticator, once; only the code's SHA-256 is stored."""

    __tablename__ = "recovery_code"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)
    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    used_at: Mapped[OptionalTimestamp]


class SignInWait(Base):
    """How often an account, a known browser or a network guessed wrong, and from when it may try again."""

    __tablename__ = "sign_in_wait"
    __table_args__ = (Index("ix_sign_in_wait_tried_at", "tried_at"),)

    key: Mapped[str] = mapped_column(String(120), primary_key=True)
    tries: Mapped[int]
    tried_at: Mapped[Timestamp]
    open_at: Mapped[Timestamp]


class PasswordLink(Base):
    """A link that lets its holder choose a password, once; only its token's SHA-256 is stored."""

    __tablename__ = "password_link"
    __table_args__ = (Index("ix_password_link_user_id", "user_id"),)

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[Timestamp]
    used_at: Mapped[OptionalTimestamp]
