"""Metadata keys shown as columns of their own: `columns=amount,errorCode`, or the parameter repeated."""

import json
import re
from collections.abc import Mapping
from typing import Any

from portal.queries.paging import BadParameter
from portal.queries.parameters import Arguments, many

COLUMNS = "columns"
MOST = 6
KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,59}(?:\.[A-Za-z0-9_]{1,60}){0,3}", re.ASCII)
LONGEST_VALUE = 200


def parse_columns(args: Arguments) -> tuple[str, ...]:
    """The keys, each once, in the order given. Raises BadParameter."""
    given = [key.strip() for value in many(args, COLUMNS) for key in value.split(",")]
    keys = tuple(dict.fromkeys(key for key in given if key))
    for key in keys:
        if not KEY.fullmatch(key):
            expected = "des clés de métadonnées comme amount ou error.code, séparées par « , »"
            raise BadParameter(COLUMNS, key, expected)
    if len(keys) > MOST:
        raise BadParameter(COLUMNS, ",".join(keys), "%(most)s colonnes au plus", {"most": MOST})
    return keys


def value_at(details: Mapping[str, Any], key: str) -> Any:
    """What the metadata holds under a key, or under a path of keys; None when nothing."""
    if key in details:
        return details[key]
    found: Any = details
    for part in key.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def cell(details: Mapping[str, Any], key: str) -> str:
    """The value as a table shows it; empty when there is none."""
    value = value_at(details, key)
    if value is None:
        return ""
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= LONGEST_VALUE else f"{shown[:LONGEST_VALUE]}…"
