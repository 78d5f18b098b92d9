"""What a search says, as a tree: pieces of text, terms on fields, and how they are joined."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

BARE = re.compile(r'[^\s()"<>=!:-][^\s()"]*')
BARE_VALUE = re.compile(r'[^\s()"<>=!:][^\s()"]*')
"""What can be written without quotes and be read back as it is."""
KEYWORDS = frozenset({"AND", "OR", "NOT"})
LIKE_A_TERM = re.compile(r"[^\W\d][\w.-]*[:<>=!]")


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of text that a row's searched fields hold, whatever its case; `at` is where it stands."""

    text: str
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Term:
    """A field compared with a value: `raw` as it was written, `value` as the field reads it."""

    name: str
    operator: str
    raw: str
    value: Any = field(compare=False)


@dataclass(frozen=True, slots=True)
class Not:
    """Everything but what a node finds."""

    node: "Node"


@dataclass(frozen=True, slots=True)
class Every:
    """What all of its parts find."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """What any of its parts finds."""

    parts: tuple["Node", ...]


Node = Text | Term | Not | Every | Either


def every(parts: Iterable[Node]) -> Node | None:
    """All of `parts` at once; None when there are none."""
    return _joined(Every, parts)


def either(parts: Iterable[Node]) -> Node | None:
    """Any of `parts`; None when there are none."""
    return _joined(Either, parts)


def _joined(kind: type[Every] | type[Either], parts: Iterable[Node]) -> Node | None:
    flat: list[Node] = []
    for part in parts:
        flat += part.parts if isinstance(part, kind) else [part]
    return flat[0] if len(flat) == 1 else kind(tuple(flat)) if flat else None


def negated(node: Node) -> Node:
    """The contrary of a node."""
    return node.node if isinstance(node, Not) else Not(node)


def conjuncts(node: Node | None) -> tuple[Node, ...]:
    """The parts that must all hold, at the top of a tree."""
    if node is None:
        return ()
    return node.parts if isinstance(node, Every) else (node,)


def terms_of(node: Node) -> Iterator[Text | Term]:
    """Every leaf of a tree, from left to right."""
    if isinstance(node, Not):
        yield from terms_of(node.node)
    elif isinstance(node, (Every, Either)):
        for part in node.parts:
            yield from terms_of(part)
    else:
        yield node


def written(node: Node | None) -> str:
    """A tree in the search language; reading it again gives the same tree."""
    match node:
        case None:
            return ""
        case Every(parts):
            return " ".join(map(_part, parts))
        case Either(parts):
            return " OR ".join(map(_part, parts))
        case Text(text):
            plain = BARE.fullmatch(text) and text not in KEYWORDS and not LIKE_A_TERM.match(text)
            return text if plain else quoted(text)
        case Term(name, operator, raw):
            return f"{name}{operator}{raw if BARE_VALUE.fullmatch(raw) else quoted(raw)}"
        case Not(inner):
            return f"-{_part(inner)}"


def _part(node: Node) -> str:
    return f"({written(node)})" if isinstance(node, (Every, Either)) else written(node)


def quoted(text: str) -> str:
    """A piece of text between quotes, those inside doubled."""
    doubled = text.replace('"', '""')
    return f'"{doubled}"'
