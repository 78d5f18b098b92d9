"""How a price is shared out between the platform and the creator."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal


@dataclass(frozen=True, slots=True)
class Shares:
    """Minor units; the fee and the creator's share are the amount, to the last one."""

    amount_minor: int
    platform_fee_minor: int
    creator_amount_minor: int


def share_out(amount_minor: int, fee_percent: Decimal) -> Shares:
    """The fee is rounded half up to a whole minor unit; the creator gets all the rest."""
    fee = int((amount_minor * fee_percent / 100).quantize(Decimal(1), ROUND_HALF_UP))
    return Shares(amount_minor, fee, amount_minor - fee)
