"""Metadata as people read it: each value by its kind, money with its currency, ids with their traces, never run.

However large or deep a value is, what is made of it is small: so many nodes, so many levels, so much text.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import InvalidOperation
from typing import Any

from flask import url_for
from flask_babel import gettext

from portal.blueprints.entities import LONGEST_ID, THINGS
from portal.blueprints.filters import duration_ms, money
from portal.blueprints.moments import iso, local_datetime_ms, relative_time
from portal.blueprints.visible import UNSEEN, visible
from portal.domain.money import to_minor

MOST_NODES, DEEPEST = 400, 20
CLAMPED, LONGEST, MOST_RAW = 240, 20_000, 200_000
ALSO = {
    "callOfferId": "offer",
    "adminId": "user",
    "cancelledByUserId": "user",
    "bookingOwnerId": "user",
    "stripeEventId": "event",
    "requestId": "request",
}
"""Keys that name a thing under another word."""
KINDS = {key: kind for key, (kind, _) in THINGS.items()} | ALSO
AMOUNT = re.compile(r"(?:amount|price|fee|balance|withdrawn|reinstated|reversed)$", re.IGNORECASE)
CURRENCY = re.compile(r"[A-Za-z]{3}", re.ASCII)
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)", re.ASCII)
Filters = Callable[[str, Any], tuple[str, str] | None]


@dataclass(frozen=True, slots=True)
class Shown:
    """One value: `kind` is its look, `text` what is read, `title` what it stands for, `rest` what unfolds."""

    key: str
    kind: str
    text: str = ""
    title: str | None = None
    href: str | None = None
    copied: str | None = None
    rest: str | None = None
    only_href: str | None = None
    without_href: str | None = None
    children: tuple["Shown", ...] = ()
    count: int = 0


@dataclass(slots=True)
class _Walk:
    filters: Filters | None
    left: int = MOST_NODES
    currency: list[str | None] = field(default_factory=lambda: [None])


def shown_metadata(
    metadata: Mapping[str, Any], filters: Filters | None = None, currency: str | None = None
) -> tuple[Shown, ...]:
    """The values in their order; `filters` gives the searches that keep, and that leave out, the value of a path.

    Amounts are in the currency beside them or above them, else in `currency`.
    """
    return tuple(_children(metadata, "", _Walk(filters, currency=[currency]), 0))


def raw_json(metadata: Any) -> str:
    """The metadata as JSON for people, its invisible marks written out, cut where it is too long for a page."""
    text = visible(json.dumps(metadata, ensure_ascii=False, indent=2, sort_keys=True))
    return text if len(text) <= MOST_RAW else f"{text[:MOST_RAW]}\n… {_cut(len(text))}"


def _cut(length: int) -> str:
    return str(gettext("[coupé : %(n)s caractères]", n=length))


def _children(value: Any, path: str | None, walk: _Walk, depth: int) -> Iterator[Shown]:
    items = value.items() if isinstance(value, Mapping) else enumerate(value)
    code = value.get("currency") if isinstance(value, Mapping) else None
    walk.currency.append(code if isinstance(code, str) and CURRENCY.fullmatch(code) else walk.currency[-1])
    for key, item in items:
        if walk.left <= 0:
            yield Shown("…", "cut", gettext("Le reste n’est pas montré : %(n)s entrées en tout.", n=len(value)))
            break
        walk.left -= 1
        inner = _path(path, key, value, item)
        yield _shown(str(key), item, inner, walk, depth)
    walk.currency.pop()


def _path(above: str | None, key: Any, holder: Any, item: Any) -> str | None:
    """Where a search finds an item: within a list only plain values, below the top only keys without dots."""
    if isinstance(holder, Mapping):
        return str(key) or None if above == "" else None if above is None or "." in str(key) else f"{above}.{key}"
    return None if isinstance(item, (Mapping, list)) else above


def _shown(key: str, value: Any, path: str | None, walk: _Walk, depth: int) -> Shown:
    name = visible(key[:CLAMPED])
    if isinstance(value, (Mapping, list)):
        if not value:
            return Shown(name, "null", "{}" if isinstance(value, Mapping) else "[]")
        if depth >= DEEPEST:
            return Shown(name, "cut", gettext("Trop profond pour être montré."))
        return Shown(name, "nested", children=tuple(_children(value, path, walk, depth + 1)), count=len(value))
    kind, text, title, href = _read(key, value, walk.currency[-1])
    text = visible(text[: LONGEST + 1])
    rest = None
    if len(text) > CLAMPED:
        rest = text if len(text) <= LONGEST else f"{text[:LONGEST]}… {_cut(len(str(value)))}"
        text = f"{text[:CLAMPED]}…"
    only, without = _filters(path, value, walk)
    copied = _plain(value)[:LONGEST]
    return Shown(name, kind, text, title, href, copied, rest, only, without)


def _plain(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return str(value)


def _filters(path: str | None, value: Any, walk: _Walk) -> tuple[str | None, str | None]:
    found = walk.filters(path, value) if walk.filters and path else None
    return found or (None, None)


def _read(key: str, value: Any, currency: str | None) -> tuple[str, str, str | None, str | None]:
    """Kind, text, title and link of a value."""
    if value is None or value == "":
        return "null", "null" if value is None else '""', None, None
    if isinstance(value, bool):
        return "bool", _plain(value), None, None
    if AMOUNT.search(key) and currency and (amount := _money(value, currency)):
        return "money", amount, f"{_plain(value)[:80]} {currency}", None
    if isinstance(value, (int, float)):
        return _number(key, value)
    text = str(value)
    if key in KINDS and 0 < len(text) <= LONGEST_ID and "/" not in text and not UNSEEN.search(text):
        return "id", text, None, url_for("traces.show", kind=KINDS[key], id=text)
    if (at := _moment(text)) is not None:
        return "date", local_datetime_ms(at), f"{iso(at)} · {relative_time(at)}", None
    return "string", text, None, None


def _number(key: str, value: float) -> tuple[str, str, str | None, str | None]:
    unit = 1 if key.endswith("Ms") else 1000 if key.endswith("Seconds") else 0
    if unit and 0 <= value < 10**14:
        return "duration", duration_ms(value * unit), f"{value} {'ms' if unit == 1 else 's'}", None
    return "number", _plain(value), None, None


def _money(value: Any, currency: str) -> str | None:
    try:
        return money(to_minor(value, currency.upper()), currency.upper()) if len(str(value)) <= 20 else None
    except (ValueError, InvalidOperation, TypeError):
        return None


def _moment(text: str) -> datetime | None:
    if len(text) > 40 or not MOMENT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
