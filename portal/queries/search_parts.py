"""A search taken apart: what its top says of fields that a book reads fast, and the rest as conditions."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from portal.queries.parameters import Choice
from portal.queries.search_field import WrongValue
from portal.queries.search_language import BadQuery
from portal.queries.search_nodes import Either, Every, Node, Not, Term, Text, conjuncts
from portal.queries.text_search import SHORTEST, FreeText

EQUALS = ":"


@dataclass(frozen=True, slots=True)
class Parts:
    """What the conjuncts of a search say: of closed sets, of single values, of time, of text; and what is left."""

    chosen: dict[str, Choice] = field(default_factory=dict)
    exact: dict[str, Any] = field(default_factory=dict)
    start: datetime | None = None
    end: datetime | None = None
    text: FreeText = field(default_factory=FreeText)
    rest: tuple[Node, ...] = ()


def take_apart(query: Node | None, *, sets: Collection[str], exact: Collection[str]) -> Parts:
    """The parts of a search; `sets` and `exact` are the fields that may be taken out of it, each once."""
    parts = Parts()
    for node in conjuncts(query):
        parts = _taken(parts, node, sets, exact) or replace(parts, rest=(*parts.rest, node))
    return parts


def _taken(parts: Parts, node: Node, sets: Collection[str], exact: Collection[str]) -> Parts | None:
    """The parts with one more conjunct; None where it stays a condition."""
    match node:
        case Text(text):
            return replace(parts, text=replace(parts.text, words=(*parts.text.words, text)))
        case Not(Text(text)):
            return replace(parts, text=replace(parts.text, without=(*parts.text.without, text)))
        case Term("from", _, _, value):
            return replace(parts, start=max(parts.start or value, value))
        case Term("to", _, _, value):
            return replace(parts, end=min(parts.end or value, value))
        case Term(name, ":", _, value) if name in exact and name not in parts.exact:
            return replace(parts, exact={**parts.exact, name: value})
    return _chosen(parts, node, sets)


def _chosen(parts: Parts, node: Node, sets: Collection[str]) -> Parts | None:
    """Members of one set, or all but some."""
    excluded = isinstance(node, Not)
    inner = node.node if isinstance(node, Not) else node
    if isinstance(inner, Term) and inner.operator == "!=":
        excluded, inner = not excluded, replace(inner, operator=EQUALS)
    name, values = _members(inner)
    if name not in sets or not values:
        return None
    before = parts.chosen.get(name, Choice())
    if excluded:
        after = replace(before, without=(*before.without, *values))
    elif before.only:
        return None
    else:
        after = replace(before, only=values)
    return replace(parts, chosen={**parts.chosen, name: after})


def _members(node: Node) -> tuple[str, tuple[str, ...]]:
    """The set that a term, or all of several alternatives, is about, and the members named."""
    terms = node.parts if isinstance(node, Either) else (node,)
    found = [t for t in terms if isinstance(t, Term) and isinstance(t.value, tuple) and t.operator != "!="]
    names = {term.name for term in found}
    if len(found) != len(terms) or len(names) != 1:
        return "", ()
    return names.pop(), tuple(dict.fromkeys(value for term in found for value in term.value))


def refuse_short_text(query: str, node: Node | None) -> None:
    """Text under three characters that nothing longer goes along with: no index finds it. Raises BadQuery."""
    text = None if node is None else _short(node)
    if text is not None:
        expected = "au moins 3 caractères, ou moins avec une période (from)"
        end = text.at + len(text.text) + 2 * (query[text.at] == '"')
        raise BadQuery(query, text.at, min(end, len(query)), WrongValue(expected))


def _short(node: Node) -> Text | None:
    match node:
        case Text(text):
            return node if len(text) < SHORTEST else None
        case Every(parts):
            longer = any(isinstance(part, Text) and len(part.text) >= SHORTEST for part in parts)
            return None if longer else next(filter(None, map(_short, parts)), None)
        case Either(parts):
            return next(filter(None, map(_short, parts)), None)
    return None
