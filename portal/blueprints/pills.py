"""The active filters of an explorer, a pill each: every parameter, and every term at the top of its search."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext

from portal.queries.search_forms import Pair, with_search
from portal.queries.search_language import BadQuery, parse
from portal.queries.search_nodes import Node, Not, Text, conjuncts, negated, written
from portal.queries.search_vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Pill:
    """One active filter: how to remove it, and how to turn it around where that means something.

    `kept` is the search without it.
    """

    label: str
    kept: tuple[Pair, ...]
    remove_href: str
    invert_href: str | None
    negated: bool


def parameter_pill(pairs: Sequence[Pair], pair: Pair, label: Any, inverts: bool, href: Callable[..., str]) -> Pill:
    """The pill of one value of a parameter."""
    name, value = pair
    kept = tuple(other for other in pairs if other != pair)
    is_negated = inverts and value.startswith("-")
    bare = value[1:] if is_negated else value
    turned = href([*kept, (name, bare if is_negated else f"-{bare}")]) if inverts else None
    return Pill(f"{label} {bare}", kept, href(kept), turned, is_negated)


def term_pills(pairs: Sequence[Pair], text: str, words: Vocabulary, href: Callable[..., str]) -> Iterator[Pill]:
    """A pill for each term that stands at the top of a search; none where the search cannot be read."""
    try:
        nodes = conjuncts(parse(text, words))
    except BadQuery:
        return
    for n, node in enumerate(nodes):
        kept = tuple(with_search(pairs, [*nodes[:n], *nodes[n + 1 :]]))
        turned = with_search(pairs, [*nodes[:n], negated(node), *nodes[n + 1 :]])
        inner = node.node if isinstance(node, Not) else node
        yield Pill(_label(inner), kept, href(kept), href(turned), isinstance(node, Not))


def _label(node: Node) -> str:
    if isinstance(node, Text):
        return str(gettext("texte %(text)s", text=node.text))
    return written(node)
