"""Amounts as people type them."""

import re
from collections.abc import Mapping
from decimal import Decimal

from portal.models.currency import exponent
from portal.models.currency import to_decimal as to_decimal
from portal.models.currency import to_minor as to_minor

MOST_MINOR = 99_999_999
"""Stripe takes at most eight digits of minor units. Source: Stripe, Supported currencies, maximum amounts."""

WHOLE_HUNDREDS = frozenset({"HUF", "TWD", "ISK", "UGX"})
"""Two-decimal at Stripe, yet paid out in whole units only: minor units are multiples of 100."""

SMALLEST_CHARGE = {
    "EUR": 50, "USD": 50, "GBP": 30, "CHF": 50, "CAD": 50, "AUD": 50, "JPY": 50, "NZD": 50, "SGD": 50, "BRL": 50,
    "DKK": 250, "SEK": 300, "NOK": 300, "PLN": 200, "HKD": 400, "MXN": 1000, "CZK": 1500, "HUF": 17_500,
}  # fmt: skip
"""Minor units below which Stripe takes no card payment. Source: Stripe, Minimum and maximum charge amounts."""

CHARGED_WHOLE = frozenset({"ISK", "UGX"})
"""Two-decimal at Stripe, yet charged in whole units only: minor units are multiples of 100."""

SPACES = " \u00a0\u202f"
AMOUNT = re.compile(
    rf"(?P<whole>[0-9]{{1,12}}|[0-9]{{1,3}}(?:[{SPACES}][0-9]{{3}})+)(?:[.,](?P<decimals>[0-9]+))?"
)


WITH_CURRENCY = re.compile("[A-Za-z$€£¥]")
ENGLISH_GROUPS = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")


class AmountInvalid(ValueError):
    """An amount that cannot be one; the French sentence says why, `words` fill it."""

    def __init__(self, message: str, words: Mapping[str, object] | None = None) -> None:
        super().__init__(message % words if words else message)
        self.message = message
        self.words = dict(words or {})


def parse_amount(text: str, currency: str) -> int:
    """Minor units to be paid out, typed as 1234.50, 1234,50 or 1 234,50. Raises AmountInvalid."""
    return check_amount(parse_minor(text, currency), currency)


def parse_price(text: str, currency: str) -> int:
    """Minor units to be charged to a card, typed in the same way. Raises AmountInvalid."""
    return check_price(parse_minor(text, currency), currency)


def parse_minor(text: str, currency: str) -> int:
    """Minor units of an amount as it was typed, whatever it is for. Raises AmountInvalid."""
    match = AMOUNT.fullmatch(text.strip(SPACES + "\t")) if len(text) <= 40 else None
    if match is None:
        raise AmountInvalid("Indiquez un montant comme 125,50, sans signe ni devise.")
    decimals = match["decimals"] or ""
    if len(decimals) > exponent(currency):
        words = {"currency": currency, "places": exponent(currency)}
        raise AmountInvalid("%(currency)s s’écrit avec au plus %(places)s décimales.", words)
    whole = re.sub(f"[{SPACES}]", "", match["whole"])
    return to_minor(Decimal(f"{whole}.{decimals or 0}"), currency)


def check_amount(amount_minor: int, currency: str) -> int:
    """`amount_minor` if Stripe can pay it out. Raises AmountInvalid."""
    _check_range(amount_minor, currency)
    if currency in WHOLE_HUNDREDS and amount_minor % 100:
        raise AmountInvalid("Les payouts en %(currency)s se font en unités entières.", {"currency": currency})
    return amount_minor


def check_price(amount_minor: int, currency: str) -> int:
    """`amount_minor` if Stripe can charge it to a card. Raises AmountInvalid."""
    _check_range(amount_minor, currency)
    least = SMALLEST_CHARGE.get(currency, 1)
    if amount_minor < least:
        words = {"least": to_decimal(least, currency), "currency": currency}
        raise AmountInvalid("Le prix minimum est de %(least)s %(currency)s.", words)
    if currency in CHARGED_WHOLE and amount_minor % 100:
        raise AmountInvalid("Les prix en %(currency)s sont en unités entières.", {"currency": currency})
    return amount_minor


def _check_range(amount_minor: int, currency: str) -> None:
    if amount_minor <= 0:
        raise AmountInvalid("Le montant doit être supérieur à zéro.")
    if amount_minor > MOST_MINOR:
        words = {"most": to_decimal(MOST_MINOR, currency), "currency": currency}
        raise AmountInvalid("Le montant dépasse le maximum de %(most)s %(currency)s.", words)


def plain_amount(amount_minor: int, currency: str) -> str:
    """A decimal amount without idle zeros, as the specification writes prices: 100, 99.5."""
    exact = to_decimal(amount_minor, currency)
    return f"{exact.quantize(Decimal(1)) if exact == exact.to_integral_value() else exact.normalize():f}"


def is_amount(typed: str | None, amount_minor: int, currency: str) -> bool:
    """Whether somebody typed this amount, as 1234.50, 1 234,50, 1 234,50 €, EUR 1234,5 or £1,234.50."""
    bare = WITH_CURRENCY.sub("", (typed or "")[:60]).strip(SPACES)
    grouped = ENGLISH_GROUPS.fullmatch(bare)
    try:
        return parse_minor(bare.replace(",", "") if grouped else bare, currency) == amount_minor
    except AmountInvalid:
        return False
