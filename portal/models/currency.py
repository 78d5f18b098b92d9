"""How many decimals each currency has at Stripe, and amounts in minor units."""

from decimal import Decimal

ZERO_DECIMAL = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"]
)
THREE_DECIMAL = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])


def exponent(currency: str) -> int:
    """The number of decimals of `currency`, an ISO code in either case. Source: Stripe, Supported currencies."""
    code = currency.upper()
    if code in ZERO_DECIMAL:
        return 0
    return 3 if code in THREE_DECIMAL else 2


def to_decimal(amount_minor: int, currency: str) -> Decimal:
    """`amount_minor` minor units as a decimal amount of `currency`."""
    return Decimal(amount_minor).scaleb(-exponent(currency))


def to_minor(amount: Decimal | int | float | str, currency: str) -> int:
    """A decimal amount of `currency` in minor units. Raises ValueError when it has too many decimals."""
    minor = Decimal(str(amount)).scaleb(exponent(currency))
    if not minor.is_finite() or minor != minor.to_integral_value():
        raise ValueError(f"{amount} is not a whole number of minor units of {currency}")
    return int(minor)
