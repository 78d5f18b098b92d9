"""What never reaches a row."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.audit.redaction import MAX_BYTES, REDACTED, clean_metadata, clean_text

SECRETS = [
    "sk_" + "live_51Abcdefghijklmnop",
    "rk_" + "test_51Abcdefghijklmnop",
    "whsec_" + "abcdef0123456789",
    "pi_3Abc_secret_9Xyz",
    "Bearer abcdefgh12345678",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
    "4242 4242 4242 4242",
    "4242424242424242",
    "5555-5555-5555-4444",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_cut_out_of_any_text(secret: str) -> None:
    cleaned = clean_text(f"before {secret} after")
    assert secret not in cleaned
    assert cleaned.startswith("before ")
    assert REDACTED in cleaned


def test_the_token_of_a_password_link_is_cut_out_of_its_address() -> None:
    assert clean_text("GET /login/password/Zp5mX0_h-q1o7bDk failed") == f"GET /login/password/{REDACTED} failed"


@pytest.mark.parametrize(
    "innocent", ["4242424242424241", "+33 6 12 34 56 78", "po_1Cf6vOlLuUndE4uznj3nE9p3", "cs-po:1:1"]
)
def test_what_only_resembles_a_secret_stays(innocent: str) -> None:
    assert clean_text(innocent) == innocent


@pytest.mark.parametrize(
    "key",
    ["password", "newPassword", "Authorization", "client_secret", "apiKey", "cardNumber", "iban", "formToken"],
)
def test_a_key_that_names_a_secret_hides_its_value(key: str) -> None:
    assert clean_metadata({key: "value", "nested": [{key: {"deep": 1}}]}) == {
        key: REDACTED,
        "nested": [{key: REDACTED}],
    }


def test_whether_a_secret_was_there_is_no_secret() -> None:
    assert clean_metadata({"signatureProvided": True, "password": None}) == {
        "signatureProvided": True,
        "password": None,
    }


def test_an_address_loses_its_password_and_keeps_its_host() -> None:
    assert clean_text("postgresql://me:hunter2@db.example/x") == f"postgresql://{REDACTED}@db.example/x"


def test_characters_that_postgresql_refuses_are_replaced() -> None:
    assert clean_text("a\x00b\ud800c") == "a\ufffdb\ufffdc"
    assert clean_metadata({"k\x00": ["\udfff"]}) == {"k\ufffd": ["\ufffd"]}


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (Decimal("8.50"), 8.5),
        (Decimal("500.00"), 500),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (Decimal("123456789012345678.90"), "123456789012345678.90"),
        (10**30, 10**30),
    ],
)
def test_a_number_stays_one_when_json_can_hold_it_exactly(value: Any, kept: Any) -> None:
    assert clean_metadata({"n": value}) == {"n": kept}


def test_what_is_too_much_is_cut_and_the_row_says_so() -> None:
    cleaned = clean_metadata({"payoutId": "p-1", **{f"blob{i}": "x" * 10_000 for i in range(20)}})
    assert len(json.dumps(cleaned).encode()) <= MAX_BYTES
    assert cleaned["payoutId"] == "p-1"
    assert cleaned["metadataCut"]["bytes"] > MAX_BYTES
    assert "blob10" in cleaned["metadataCut"]["keys"]


def test_what_is_too_deep_is_cut() -> None:
    deep: Any = "bottom"
    for _ in range(7000):
        deep = [deep]
    assert "trop profond" in json.dumps(clean_metadata({"deep": deep}))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.decimals() | st.binary() | st.dates(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(max_size=8), JSON, max_size=6))
def test_whatever_is_given_becomes_json_that_postgresql_takes(metadata: dict[str, Any]) -> None:
    text = json.dumps(clean_metadata(metadata), allow_nan=False)
    assert "\\u0000" not in text
    assert len(text) <= MAX_BYTES * 2
