"""Stripe's form encoding: `a[b][c]=1` and `list[0]=x` or `list[]=x` become nested values."""

import re
from collections.abc import Iterable

from .refusals import Json, malformed

KEY = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
MAX_DEPTH = 10


def nested(pairs: Iterable[tuple[str, str]]) -> Json:
    """The parameters of a request; every leaf is still a string, a list still a hash of positions."""
    tree: Json = {}
    for key, value in pairs:
        _place(tree, _steps(key), value, key)
    return tree


def _steps(key: str) -> list[str]:
    match = KEY.match(key)
    steps = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])] if match else []
    if not steps or len(steps) > MAX_DEPTH:
        raise malformed(f"Invalid parameter name: {key}", param=key)
    return steps


def _place(tree: Json, steps: list[str], value: str, key: str) -> None:
    for step in steps[:-1]:
        tree = tree.setdefault(step, {})
        if not isinstance(tree, dict):
            raise malformed(f"Invalid object: {key} is both a value and a hash", param=key)
    last = steps[-1] or str(len(tree))
    if isinstance(tree.get(last), dict):
        raise malformed(f"Invalid object: {key} is both a value and a hash", param=key)
    tree[last] = value
