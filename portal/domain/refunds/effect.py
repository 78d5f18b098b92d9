"""What a refund will do to the creator's balance, said before anybody confirms it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Effect:
    """Minor units of one currency. `taken` leaves the creator's balance, `fee_back` comes from the platform."""

    amount: int
    fee_back: int
    available: int | None
    reserved: int

    @property
    def taken(self) -> int:
        """What the creator's balance loses: the refund without the platform's part of it."""
        return self.amount - self.fee_back

    @property
    def after(self) -> int | None:
        """The creator's available balance afterwards, or None when Stripe did not answer."""
        return None if self.available is None else self.available - self.taken

    @property
    def uncovers(self) -> bool:
        """Whether payouts that were asked for would no longer be covered."""
        return self.after is not None and 0 < self.reserved > self.after


def fee_part(amount_minor: int, *, paid_minor: int, fee_minor: int) -> int:
    """The platform's part of `amount_minor` of a payment, in minor units; rounded down, as Stripe does."""
    return fee_minor * amount_minor // paid_minor


def effect_of(
    amount_minor: int, *, paid_minor: int, fee_minor: int, available_minor: int | None, reserved_minor: int
) -> Effect:
    """The effect of giving `amount_minor` of `paid_minor` back."""
    fee_back = fee_part(amount_minor, paid_minor=paid_minor, fee_minor=fee_minor)
    return Effect(amount_minor, fee_back, available_minor, reserved_minor)
