"""People who are paid: their Stripe account, schedule and payout block."""

from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.models.base import Base, CreatedAt, Id, OptionalTimestamp, word
from portal.models.user import Role, User


class PayoutSchedule(StrEnum):
    """How often the automatic job pays a creator; MANUAL creators ask for each payout."""

    MANUAL = "MANUAL"
    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"


class Creator(Base):
    """A person who sells calls. `payout_minimum_minor` is in minor units of `currency`."""

    __tablename__ = "creator"
    __table_args__ = (
        CheckConstraint("payout_schedule in ('MANUAL', 'DAILY', 'WEEKLY', 'MONTHLY')", name="payout_schedule"),
        CheckConstraint("payout_minimum_minor > 0", name="payout_minimum"),
        CheckConstraint("is_payout_blocked = (payout_block_reason is not null)", name="block_has_reason"),
    )

    id: Mapped[Id]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id"), unique=True)
    handle: Mapped[str] = mapped_column(String(60), unique=True)
    currency: Mapped[str] = mapped_column(String(3))
    stripe_account_id: Mapped[str | None] = mapped_column(String(64), unique=True)
    charges_enabled: Mapped[bool] = mapped_column(server_default="false")
    payouts_enabled: Mapped[bool] = mapped_column(server_default="false")
    stripe_schedule_interval: Mapped[str] = mapped_column(String(16), server_default="manual")
    payout_schedule: Mapped[PayoutSchedule] = mapped_column(word(PayoutSchedule), server_default="MANUAL")
    payout_minimum_minor: Mapped[int] = mapped_column(BigInteger, server_default="1000")
    is_payout_blocked: Mapped[bool] = mapped_column(server_default="false")
    payout_block_reason: Mapped[str | None] = mapped_column(String(500))
    payout_blocked_at: Mapped[OptionalTimestamp]
    balance_low_period: Mapped[str | None] = mapped_column(String(40))
    validated_at: Mapped[OptionalTimestamp]
    created_at: Mapped[CreatedAt]

    user: Mapped[User] = relationship(lazy="joined", innerjoin=True)

    @property
    def name(self) -> str:
        """The person's name."""
        return self.user.name

    @property
    def may_sell(self) -> bool:
        """Whether people can book: the account opens as a creator’s, and the one at Stripe takes cards."""
        is_here = self.user.role is Role.CREATOR and self.user.disabled_at is None
        return is_here and self.stripe_account_id is not None and self.charges_enabled

    @property
    def email(self) -> str:
        """The person's e-mail address."""
        return self.user.email
