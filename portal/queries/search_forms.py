"""A search as an address's parameters or as its `q`: the same rows either way."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from portal.queries.parameters import LONGEST
from portal.queries.search_language import BadQuery, parse
from portal.queries.search_nodes import Either, Node, Not, Term, conjuncts, either, every, negated, written
from portal.queries.search_vocabulary import Vocabulary

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Forms:
    """Which parameters say the same as which terms of `q`; those of `repeated` are sets, and may exclude."""

    terms: Mapping[str, tuple[str, str]]
    repeated: frozenset[str]
    words: Vocabulary = field(compare=False)

    def as_search(self, pairs: Sequence[Pair]) -> list[Pair] | None:
        """The same with as much as possible said in `q`; None when nothing is left to say, or it is too long."""
        moved = [name for name, _ in pairs if name in self.terms]
        if not moved:
            return None
        nodes = [self._node(name, [v for k, v in pairs if k == name]) for name in dict.fromkeys(moved)]
        return self._checked([pair for pair in pairs if pair[0] not in self.terms], [self._tree(pairs), *nodes])

    def as_parameters(self, pairs: Sequence[Pair], *only: str) -> list[Pair] | None:
        """The same with as much as possible said in parameters, or in `only` these; None when `q` says none."""
        kept: list[Node] = []
        moved: list[Pair] = []
        taken = {name for name, _ in pairs}
        for node in conjuncts(self._tree(pairs)):
            said = self._said(node, taken) if self._is_about(node, only) else []
            moved += said
            kept += [] if said else [node]
        if not moved:
            return None
        rest = written(every(kept))
        return [*(pair for pair in pairs if pair[0] != "q"), *moved, *([("q", rest)] if rest else [])]

    def narrowed(self, pairs: Sequence[Pair], term: Term) -> tuple[list[Pair], list[Pair]] | None:
        """The pairs with a term more in `q`, and with its contrary; None where that says more than may be said."""
        tree = self._tree(pairs)
        without = self._checked(pairs, [tree, negated(term)])
        return None if without is None else (_saying(pairs, _written([tree, term])), without)

    def without(self, pairs: Sequence[Pair], *names: str) -> list[Pair]:
        """The pairs without what they say of some parameters, be it in `q`."""
        gone = {self.terms[name][0] for name in names if name in self.terms}
        nodes = conjuncts(self._tree(pairs))
        kept = [node for node in nodes if not self._about(node) & gone]
        others = [pair for pair in pairs if pair[0] not in names]
        return others if len(kept) == len(nodes) else with_search(others, kept)

    def chosen(self, pairs: Sequence[Pair], name: str) -> list[str]:
        """The values of a repeated parameter, be they said in `q`: what `q` says beside a parameter narrows it."""
        given = [value for key, value in pairs if key == name]
        said = [pair for _, said in self._boxed(pairs) for pair in said]
        return [*given, *(value for key, value in said if key == name)]

    def unchosen(self, pairs: Sequence[Pair], *names: str) -> list[Pair]:
        """The pairs without the values chosen of repeated parameters, be it in `q`; what they exclude stays."""
        boxed = self._boxed(pairs)
        kept = [node for node, said in boxed if isinstance(node, Not) or not {k for k, _ in said} & {*names}]
        others = [(name, value) for name, value in pairs if name not in names or value.startswith("-")]
        return others if len(kept) == len(boxed) else with_search(others, kept)

    def _boxed(self, pairs: Sequence[Pair]) -> list[tuple[Node, list[Pair]]]:
        """Each conjunct of `q` with what it says as parameters: one of each field, and none beside its own."""
        taken = {name for name, value in pairs if not value.startswith("-")}
        return [(node, self._said(node, taken)) for node in conjuncts(self._tree(pairs))]

    def _tree(self, pairs: Sequence[Pair]) -> Node | None:
        text = next((value for name, value in pairs if name == "q"), "")
        try:
            return parse(text, self.words)
        except BadQuery:
            return None

    def _node(self, name: str, values: Sequence[str]) -> Node | None:
        only = [v for v in values if not (name in self.repeated and v.startswith("-"))]
        without = [negated(self._term(name, v[1:])) for v in values if v not in only]
        wanted = either(self._term(name, v) for v in only)
        return every([*([wanted] if wanted else []), *without])

    def _term(self, name: str, value: str) -> Term:
        field, operator = self.terms[name]
        return Term(field, operator, value, value)

    def _checked(self, others: Sequence[Pair], nodes: Iterable[Node | None]) -> list[Pair] | None:
        text = _written(nodes)
        try:
            parse(text, self.words)
        except BadQuery:
            return None
        return None if len(text) > LONGEST else _saying(others, text)

    def _said(self, node: Node, taken: set[str]) -> list[Pair]:
        """What a conjunct says as parameters; nothing when they cannot, or say something else already."""
        inner = node.node if isinstance(node, Not) else node
        terms = inner.parts if isinstance(inner, Either) else (inner,)
        names = {self._parameter(term) for term in terms}
        name = names.pop() if len(names) == 1 else None
        alone = name not in self.repeated and (len(terms) > 1 or isinstance(node, Not))
        if name is None or alone or (name in taken and not isinstance(node, Not)):
            return []
        values = [v for term in terms if isinstance(term, Term) for v in self._values(name, term)]
        if name in self.repeated and any(value.startswith("-") for value in values):
            return []
        if not isinstance(node, Not):
            taken.add(name)
        return [(name, f"-{value}" if isinstance(node, Not) else value) for value in values]

    def _parameter(self, node: Node) -> str | None:
        if not isinstance(node, Term) or node.value == ():
            return None
        same = [
            p for p, (field, operator) in self.terms.items() if (field, operator) == (node.name, node.operator)
        ]
        ordered = node.name in self.repeated and node.operator in {"<", "<=", ">", ">="}
        return node.name if ordered else same[0] if same else None

    def _values(self, name: str, term: Term) -> list[str]:
        if name not in self.repeated:
            return [term.raw]
        known = self.words.find(term.name).values
        spelled = next((s for s in (term.raw, term.raw.upper()) if s in known and term.operator == ":"), None)
        return [spelled] if spelled else list(term.value)

    def _is_about(self, node: Node, names: Sequence[str]) -> bool:
        """Whether a conjunct is about one of these parameters; without any, always."""
        return not names or bool(self._about(node) & {self.terms[name][0] for name in names})

    def _about(self, node: Node) -> set[str]:
        """The fields that a conjunct is about, when it is about one alone."""
        inner = node.node if isinstance(node, Not) else node
        parts = inner.parts if isinstance(inner, Either) else (inner,)
        names = {part.name if isinstance(part, Term) else "" for part in parts}
        return names if len(names) == 1 else set()


def _written(nodes: Iterable[Node | None]) -> str:
    return written(every(node for node in nodes if node is not None))


def _saying(pairs: Sequence[Pair], text: str) -> list[Pair]:
    return [*(pair for pair in pairs if pair[0] != "q"), ("q", text)]


def with_search(pairs: Sequence[Pair], nodes: Sequence[Node]) -> list[Pair]:
    """The pairs with a search of these parts in the place of the one that they have."""
    text = written(every(nodes))
    return [(name, text if name == "q" else value) for name, value in pairs if name != "q" or text]
