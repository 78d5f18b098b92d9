"""What of a creator's balance is already spoken for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import Payout
from portal.models.payout import RESERVED


@dataclass(frozen=True, slots=True)
class Funds:
    """One currency of a balance in minor units; `reserved_by` are the payouts not yet debited at Stripe."""

    currency: str
    available: int
    pending: int
    reserved_by: tuple[Payout, ...]

    @property
    def reserved(self) -> int:
        """Minor units asked for and not yet debited."""
        return sum(payout.amount_minor for payout in self.reserved_by)

    @property
    def is_short(self) -> bool:
        """Whether what was asked for is more than there is: money was given back since."""
        return self.reserved > self.available

    @property
    def left(self) -> int:
        """Minor units that can be asked for now."""
        return max(self.available - self.reserved, 0)


def reserving_payouts(session: Session, creator_id: UUID) -> Sequence[Payout]:
    """The creator's payouts that Stripe has not debited yet, oldest first."""
    query = select(Payout).where(Payout.creator_id == creator_id, Payout.status.in_(RESERVED))
    return session.scalars(query.order_by(Payout.created_at, Payout.id)).all()


def funds_by_currency(
    available: Mapping[str, int], pending: Mapping[str, int], reserving: Sequence[Payout], first: str
) -> list[Funds]:
    """A balance beside its reservations, a line a currency; `first` always has one and comes first."""
    currencies = {*available, *pending, *(payout.currency for payout in reserving), first}
    return [
        Funds(
            currency,
            available.get(currency, 0),
            pending.get(currency, 0),
            tuple(payout for payout in reserving if payout.currency == currency),
        )
        for currency in sorted(currencies, key=lambda currency: (currency != first, currency))
    ]
