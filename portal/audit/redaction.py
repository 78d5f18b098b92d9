"""What never reaches a row: secrets, cards, broken characters, and more than a row should hold."""

import json
import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

REDACTED = "[REDACTED]"
MAX_BYTES = 64 * 1024
MAX_DEPTH = 20
MAX_TEXT = 16 * 1024
SHORT = 60
"""The longest key whose verdict is kept."""

SECRET_KEYS = re.compile(
    r"passw|secret|token|authori[sz]ation|cookie|api_?key|private_?key|card_?number|cvc|cvv|iban"
    r"|account_?number|routing_?number|signature$|otp|recovery_?code",
    re.IGNORECASE,
)
SECRET_TEXT = re.compile(
    r"\b(?:sk|rk|pk)_(?:live|test)_\w+"
    r"|\bwhsec_\w+"
    r"|\b\w+_secret_\w+"
    r"|\b(?:Bearer|Basic)\s+[\w.~+/=-]{8,}"
    r"|\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
    r"|(?<=/login/password/)[\w-]{8,}"
    r"|\$argon2\w*\$[\w.,=+/$-]+"
)
NAMED = re.compile(
    r"\b(passw\w*|secret|token|csrf_token|api_?key|session|otp|authorization|cookie)"
    r"(=|: ?|%3D)([^\s&;,\"'<>()]{6,})",
    re.IGNORECASE,
)
"""A secret that its name gives away in running text: password=…, Cookie: session=…."""
CARD = re.compile(r"(?<![\w-])\d(?:[ -]?\d){12,18}(?![\w-])")
BROKEN = re.compile(r"[\x00\ud800-\udfff]")


def clean_text(value: str) -> str:
    """`value` without secrets, card numbers, NUL or lone surrogates, cut at 16 KB."""
    text = BROKEN.sub("\ufffd", value[: MAX_TEXT + 1])
    text = CARD.sub(_card, NAMED.sub(rf"\1\2{REDACTED}", SECRET_TEXT.sub(REDACTED, text)))
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}… [coupé : {len(value)} caractères]"


def _card(match: re.Match[str]) -> str:
    digits = [int(c) for c in match[0] if c.isdigit()]
    doubled = [d if i % 2 == 0 else d * 2 - 9 * (d > 4) for i, d in enumerate(reversed(digits))]
    return REDACTED if sum(doubled) % 10 == 0 else match[0]


def clean_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """`metadata` as plain JSON values, redacted and within 64 KB and 20 levels; a cut is said in the row."""
    cleaned: dict[str, Any] = _clean(metadata, 0)
    size = len(json.dumps(cleaned, ensure_ascii=False).encode())
    return cleaned if size <= MAX_BYTES else _cut(cleaned, size)


def redacted(value: Any) -> Any:
    """`value` as plain JSON without secrets, within 20 levels; however large, for a page."""
    return _clean(value, 0)


def _clean(value: Any, depth: int) -> Any:
    if depth >= MAX_DEPTH and isinstance(value, (Mapping, list, tuple, set, frozenset)):
        return "[coupé : trop profond]"
    if isinstance(value, Mapping):
        return dict(_clean_item(str(k), v, depth + 1) for k, v in value.items())
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_clean(item, depth + 1) for item in value]
    return _scalar(value)


def _clean_item(key: str, value: Any, depth: int) -> tuple[str, Any]:
    told, is_secret = _key(key) if len(key) <= SHORT else _judged(key)
    if is_secret and not (value is None or isinstance(value, bool)):
        return told, REDACTED
    return told, _clean(value, depth)


def _judged(key: str) -> tuple[str, bool]:
    """A key, cleaned, and whether what it names is secret."""
    return clean_text(key), SECRET_KEYS.search(key) is not None


_key = lru_cache(maxsize=1024)(_judged)
"""The catalogue's keys come again and again; values do not, and are never kept."""


def _scalar(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, (float, Decimal)):
        return _number(value)
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return clean_text(str(value))


def _number(value: float | Decimal) -> int | float | str:
    """JSON has no NaN, and a double holds 15 digits: what does not fit stays text."""
    exact = Decimal(str(value))
    if not exact.is_finite() or len(exact.as_tuple().digits) > 15:
        return str(value)
    return int(exact) if exact == exact.to_integral_value() and abs(exact.adjusted()) < 15 else float(exact)


def _cut(metadata: dict[str, Any], size: int) -> dict[str, Any]:
    """Keep the smallest values, then whatever still fits; ids and reasons are short and survive."""
    kept: dict[str, Any] = {}
    room = MAX_BYTES - 2048
    for key in sorted(metadata, key=lambda k: len(json.dumps(metadata[k], ensure_ascii=False))):
        room -= len(json.dumps({key: metadata[key]}, ensure_ascii=False).encode())
        if room < 0:
            break
        kept[key] = metadata[key]
    dropped = [key[:80] for key in metadata if key not in kept][:10]
    return {**kept, "metadataCut": {"bytes": size, "keys": dropped}}
