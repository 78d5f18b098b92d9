"""Amounts as people type them, and what is no amount."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.money import MOST_MINOR, AmountInvalid, parse_amount
from portal.models.currency import exponent, to_decimal, to_minor


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("1234.50", "EUR", 123450),
        ("1 234,50", "EUR", 123450),
        ("1\u202f234,50", "EUR", 123450),
        ("1\u00a0234,5", "EUR", 123450),
        ("12,34", "EUR", 1234),
        (" 7 ", "EUR", 700),
        ("0.01", "EUR", 1),
        ("1500", "JPY", 1500),
        ("1.234", "KWD", 1234),
        ("999999.99", "EUR", MOST_MINOR),
    ],
)
def test_an_amount_is_read_as_its_writer_meant_it(text: str, currency: str, minor: int) -> None:
    assert parse_amount(text, currency) == minor


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "0", "0,00", "-5", "+5", "1e18", "1E+400", "NaN", "Infinity", "-Infinity", "1_000", "0x10",
        "12.345", "12,345", "1,234.50", "1.234,50", "12 34", "１２", "٣", "5€", "EUR 5", "5.", ".5", "1000000",
        "9" * 400, "1\n2", "1;drop",
    ],
)  # fmt: skip
def test_what_is_no_amount_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(AmountInvalid) as refusal:
        parse_amount(text, "EUR")
    assert str(refusal.value).endswith(".")


@pytest.mark.parametrize(("text", "currency"), [("10.5", "JPY"), ("10.50", "HUF"), ("1.2345", "KWD")])
def test_a_currency_has_the_decimals_that_stripe_pays_out(text: str, currency: str) -> None:
    with pytest.raises(AmountInvalid):
        parse_amount(text, currency)


@given(st.integers(1, MOST_MINOR), st.sampled_from(["EUR", "JPY", "KWD"]))
def test_every_amount_survives_being_written_and_read(minor: int, currency: str) -> None:
    shown = f"{to_decimal(minor, currency):.{exponent(currency)}f}"
    assert parse_amount(shown, currency) == minor
    assert parse_amount(shown.replace(".", ","), currency) == minor


@given(st.integers(-(10**12), 10**12), st.sampled_from(["EUR", "JPY", "KWD"]))
def test_minor_units_and_decimals_are_two_views_of_one_number(minor: int, currency: str) -> None:
    assert to_minor(to_decimal(minor, currency), currency) == minor


@given(st.text(max_size=50))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    with contextlib.suppress(AmountInvalid):
        assert 0 < parse_amount(text, "EUR") <= MOST_MINOR
