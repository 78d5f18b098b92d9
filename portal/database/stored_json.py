"""JSON columns read back: what is nested beyond all reason becomes its own text, so that no page breaks on it."""

import json
import re
from typing import Any

DEEPEST = 100
"""Writers stop at 20; a row that somebody else wrote may go further."""
SHOWN = 16_000
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def read_json(text: str | bytes) -> Any:
    """The value of a JSON column; beyond DEEPEST levels an object that says so and holds the beginning."""
    source = text if isinstance(text, str) else text.decode()
    if source.count("{") + source.count("[") > DEEPEST and (depth := _depth(source)) > DEEPEST:
        return {"nestedTooDeep": depth, "beginning": source[:SHOWN]}
    return json.loads(source)


def _depth(source: str) -> int:
    deepest = depth = 0
    for mark in re.finditer(r"[{}\[\]]", STRING.sub("", source)):
        depth += 1 if mark[0] in "{[" else -1
        deepest = max(deepest, depth)
    return deepest
