"""`expand[]`: ids replaced by the objects they name."""

from typing import Any

from .objects import find_any
from .refusals import Json, malformed
from .store import Work

DEEPEST = 4


def expand(work: Work, body: Json, paths: list[str]) -> Json:
    """The answer with these paths expanded; raises a 400 for a path that names nothing."""
    for path in paths:
        steps = path.split(".")
        if len(steps) > DEEPEST:
            raise malformed(f"You cannot expand more than {DEEPEST} levels of a property.", param="expand")
        _walk(work, body, steps, path)
    return body


def _walk(work: Work, node: Any, steps: list[str], path: str) -> None:
    if isinstance(node, list):
        for item in node:
            _walk(work, item, steps, path)
        return
    if not steps or not isinstance(node, dict):
        return
    name = steps[0]
    if name not in node:
        raise malformed(
            f"This property cannot be expanded ({path}).", code="property_not_expandable", param="expand"
        )
    if isinstance(node[name], str):
        node[name] = find_any(work, node[name]) or node[name]
    _walk(work, node[name], steps[1:], path)
