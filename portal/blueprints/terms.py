"""A metadata value as a term of the explorers' search language: only this, or all but this."""

import re
from collections.abc import Collection
from typing import Any

from flask import request

from portal.blueprints.entities import THINGS
from portal.blueprints.explorer import Explorer
from portal.queries.search_vocabulary import KEYS, METADATA

MOST_TEXT = 120
PATH = re.compile(r"[^\W\d]\w*(?:\.[\w-]+)*")


def only_metadata(explorer: Explorer, words: Collection[str], path: str, value: Any, exclude: bool) -> str | None:
    """The search that keeps only a metadata value or leaves it out; None where the language cannot say it.

    `words` are the names, in lower case, that the book's language keeps for itself.
    """
    text = str(value).lower() if isinstance(value, bool) else str(value)
    sayable = 0 < len(text) <= MOST_TEXT and text.isprintable() and not text.endswith("*")
    if value is None or not sayable or not PATH.fullmatch(path):
        return None
    escaped = text.replace('"', '""')
    term = f'{"-" if exclude else ""}{_name(path, words)}:"{escaped}"'
    return explorer.only("q", f"{request.args.get('q', '')} {term}".strip())


def _name(path: str, words: Collection[str]) -> str:
    """Ids have fields of their own, with an index; what a field or nothing is called so is said to be metadata."""
    is_plain = path in THINGS or (path in KEYS and path.casefold() not in words)
    return path if is_plain else f"{METADATA}{path}"
