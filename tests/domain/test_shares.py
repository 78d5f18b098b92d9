"""How a price is shared out: the fee rounded half up, nothing lost, nothing made."""

import random
from decimal import Decimal

import pytest

from portal.domain.money import AmountInvalid, parse_price, plain_amount
from portal.domain.payments.shares import share_out


@pytest.mark.parametrize(
    ("amount", "percent", "fee"),
    [(10_000, "15", 1_500), (10_003, "15", 1_500), (10_010, "15", 1_502), (50, "1", 1), (49, "1", 0),
     (1, "50", 1), (3, "50", 2), (12_345, "12.5", 1_543), (99_999_999, "100", 99_999_999), (777, "0", 0)],
)  # fmt: skip
def test_the_fee_is_rounded_half_up_to_a_minor_unit(amount: int, percent: str, fee: int) -> None:
    assert share_out(amount, Decimal(percent)).platform_fee_minor == fee


def test_fee_and_share_are_the_amount_whatever_it_is() -> None:
    chance = random.Random(7)
    for _ in range(2_000):
        amount, percent = chance.randint(1, 99_999_999), Decimal(chance.randint(0, 10_000)) / 100
        shares = share_out(amount, percent)
        assert shares.platform_fee_minor + shares.creator_amount_minor == amount
        assert 0 <= shares.platform_fee_minor <= amount
        assert abs(shares.platform_fee_minor - amount * percent / 100) <= Decimal("0.5")


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [("0,50", "EUR", 50), ("0.30", "GBP", 30), ("0.5", "CHF", 50), ("50", "JPY", 50), ("175", "HUF", 17_500),
     ("1999,99", "HUF", 199_999), ("5", "ISK", 500)],
)  # fmt: skip
def test_the_least_that_stripe_charges_is_a_price(text: str, currency: str, minor: int) -> None:
    assert parse_price(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "currency"),
    [("0,49", "EUR"), ("0.29", "GBP"), ("0,49", "CHF"), ("49", "JPY"), ("174.99", "HUF"), ("5,50", "ISK"),
     ("1000000", "EUR"), ("0", "USD")],
)  # fmt: skip
def test_less_and_more_than_stripe_charges_is_none(text: str, currency: str) -> None:
    with pytest.raises(AmountInvalid):
        parse_price(text, currency)


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (10_000, "EUR", "100"),
        (9_950, "EUR", "99.5"),
        (9_999, "EUR", "99.99"),
        (500, "JPY", "500"),
        (1, "EUR", "0.01"),
    ],
)
def test_prices_are_written_as_the_specification_does(minor: int, currency: str, text: str) -> None:
    assert plain_amount(minor, currency) == text
