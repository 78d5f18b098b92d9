"""A metadata value as a term of the explorers' search language: only this, or all but this."""

import math
import unicodedata
from collections.abc import Collection
from decimal import Decimal
from typing import Any

from portal.blueprints.entities import THINGS
from portal.blueprints.explorer import Explorer, pairs
from portal.queries.search_language import NAME
from portal.queries.search_nodes import Term
from portal.queries.search_vocabulary import KEYS, METADATA

MOST_TEXT = 120
JOINERS = "\u200c\u200d"
"""What holds an emoji or a word together: unseen, and typed by every keyboard that has them."""


def only_metadata(explorer: Explorer, words: Collection[str], path: str, value: Any) -> tuple[str, str] | None:
    """The searches that keep only a metadata value and that leave it out; None where the language cannot say it.

    `words` are the names, in lower case, that the book's language keeps for itself.
    """
    text, name = _said(value), _name(path, words)
    found = NAME.fullmatch(f"{name}:")
    if text is None or not _can_be_typed(text) or found is None or found[1] != name:
        return None
    narrowed = explorer.forms().narrowed(pairs(), Term(name, ":", text, text))
    return None if narrowed is None else (explorer.href(narrowed[0]), explorer.href(narrowed[1]))


def _said(value: Any) -> str | None:
    """A value as the database writes it; None for what has no text of its own."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{Decimal(repr(value)):f}" if math.isfinite(value) else None
    return None if value is None else str(value)


def _can_be_typed(text: str) -> bool:
    seen = (c.isprintable() or c in JOINERS or unicodedata.category(c) == "Zs" for c in text)
    return len(text) <= MOST_TEXT and not text.endswith("*") and all(seen)


def _name(path: str, words: Collection[str]) -> str:
    """Ids have fields of their own, with an index; what a field or nothing is called so is said to be metadata."""
    is_plain = path in THINGS or (path in KEYS and path.casefold() not in words)
    return path if is_plain else f"{METADATA}{path}"
