"""The language of the explorers' `q`, read by recursive descent: words, "phrases", terms, -, NOT, AND, OR, ( ).

A mistake is a BadQuery that says where it is and, where that can be known, what to write instead.
"""

import re
from collections.abc import Mapping

from portal.queries.paging import BadParameter
from portal.queries.search_field import WrongValue
from portal.queries.search_nodes import Node, Term, Text, either, every, negated
from portal.queries.search_vocabulary import Vocabulary

MOST_TERMS = 50
MOST_NESTED = 10
SPACE = re.compile(r"\s*")
PHRASE = re.compile(r'"((?:[^"]|"")*)(?:"|\Z)')
WORD = re.compile(r"(?:[^\s()]|\([^\s()]*\))+")
KEYWORD = re.compile(r"(AND|OR|NOT)(?=[\s()]|\Z)")
NAME = re.compile(r"([^\W\d]\w*(?:\.[\w-]+)*)(:?(?:!=|<=|>=|=|<|>)|:)")
ONE_VALUE = re.compile(r'"(?:[^"]|"")*"|[^\s()]+')
VALUES = re.compile(rf"\(\s*(?:{ONE_VALUE.pattern})(?:\s+OR\s+(?:{ONE_VALUE.pattern}))*\s*\)")
COMPARISON = re.compile(r"!=|<=|>=|=|<|>")


class BadQuery(BadParameter):
    """A text that is not of the language: where it is wrong, why, and what would be right there."""

    def __init__(self, query: str, at: int, end: int, why: WrongValue) -> None:
        super().__init__("q", query, why.expected, why.words)
        self.query = query
        self.position = at
        self.length = end - at
        self.suggestion = why.suggestion

    @property
    def place(self) -> Mapping[str, object]:
        """Position and length in characters, and what would be right there."""
        return {"position": self.position, "length": self.length, "suggestion": self.suggestion}

    @property
    def corrected(self) -> str | None:
        """The whole text with the suggestion in place of what is wrong."""
        if self.suggestion is None:
            return None
        return self.query[: self.position] + self.suggestion + self.query[self.position + self.length :]


def parse(query: str, vocabulary: Vocabulary) -> Node | None:
    """The tree of a text; None when it asks for nothing. Raises BadQuery."""
    return _Parser(query, vocabulary).whole()


class _Parser:
    """Reads a text from left to right; `at` is where it stands."""

    def __init__(self, query: str, vocabulary: Vocabulary) -> None:
        self.query = query
        self.vocabulary = vocabulary
        self.at = 0
        self.terms = 0

    def whole(self) -> Node | None:
        node = self.either(0)
        if self.at < len(self.query):
            why = WrongValue("une parenthèse ouverte avant celle-ci", suggestion="")
            raise BadQuery(self.query, self.at, self.at + 1, why)
        return node

    def either(self, depth: int) -> Node | None:
        """Alternatives between OR."""
        parts = [self.every(depth)]
        while self.keyword("OR"):
            start, self.at = self.at, self.at + 2
            parts.append(self.every(depth))
            if None in parts[-2:]:
                raise self.lonely(start, "OR")
        return either(part for part in parts if part is not None)

    def every(self, depth: int) -> Node | None:
        """What stands side by side, with or without AND."""
        parts: list[Node] = []
        while not self.at_an_end():
            if self.keyword("AND"):
                start, self.at = self.at, self.at + 3
                if not parts or self.at_an_end() or self.keyword("AND"):
                    raise self.lonely(start, "AND")
            node = self.unary(depth)
            if node is not None:
                self.refuse_spaced(parts, node)
                parts.append(node)
        return every(parts)

    def unary(self, depth: int) -> Node | None:
        """A term, or what a term leaves out."""
        if self.keyword("NOT"):
            start, self.at = self.at, self.at + 3
            self.refuse_deep(depth, start)
            if self.at_an_end() or self.keyword("AND"):
                raise self.lonely(start, "NOT")
            node = self.unary(depth + 1)
            return None if node is None else negated(node)
        if self.query[self.at] == "-" and re.match(r"-[^\s)]", self.query[self.at :]):
            self.at += 1
            node = self.primary(depth)
            return None if node is None else negated(node)
        return self.primary(depth)

    def primary(self, depth: int) -> Node | None:
        if self.query[self.at] == "(":
            return self.group(depth)
        start = self.at
        node = self.phrase() if self.query[self.at] == '"' else self.term() or self.word()
        self.count(1, start)
        return node

    def group(self, depth: int) -> Node:
        start = self.at
        self.refuse_deep(depth, start)
        self.at += 1
        node = self.either(depth + 1)
        if self.at == len(self.query):
            closed = f"{self.query[start:].rstrip()})"
            why = WrongValue("une parenthèse qui ferme celle-ci", suggestion=closed)
            raise BadQuery(self.query, start, self.at, why)
        self.at += 1
        if node is None:
            why = WrongValue("quelque chose entre ces parenthèses", suggestion="")
            raise BadQuery(self.query, start, self.at, why)
        return node

    def phrase(self) -> Text | None:
        """What stands between quotes; without a second one, up to the end."""
        start = self.at
        found = PHRASE.match(self.query, start)
        text = _plain(found[0]) if found else ""
        self.at = found.end() if found else len(self.query)
        return Text(text, start) if text else None

    def word(self) -> Text:
        start = self.at
        found = WORD.match(self.query, self.at)
        self.at = found.end() if found else self.at + 1
        return Text(self.query[start : self.at], start)

    def term(self) -> Node | None:
        """A field with its operator and value; None where a word stands that only looks like one."""
        found = NAME.match(self.query, self.at)
        if found is None:
            return None
        listed = VALUES.match(self.query, found.end())
        if listed:
            self.at = listed.end()
            return self.list_of(found, listed)
        value = PHRASE.match(self.query, found.end()) or WORD.match(self.query, found.end())
        raw = "" if value is None else _plain(value[0])
        is_quoted = value is not None and value[0].startswith('"')
        if self.vocabulary.is_a_word(found[1], None if is_quoted else raw):
            return None
        if value is None and self.query.startswith("(", found.end()):
            raise self.unlisted(found.end())
        self.at = found.end() if value is None else value.end()
        return self.known(found, raw, (found.end(), self.at) if raw else (found.start(), self.at))

    def list_of(self, found: re.Match[str], listed: re.Match[str]) -> Node | None:
        """`level:(ERROR OR CRITICAL)`: any of several values of one field."""
        values = [v for v in ONE_VALUE.finditer(self.query, listed.start() + 1, listed.end() - 1) if v[0] != "OR"]
        self.count(len(values) - 1, listed.start())
        return either(self.known(found, _plain(value[0]), value.span()) for value in values)

    def unlisted(self, start: int) -> BadQuery:
        """A parenthesis after a field that holds no alternatives."""
        end = self.query.find(")", start) + 1 or len(self.query)
        values = [value[0] for value in ONE_VALUE.finditer(self.query, start + 1, end) if value[0] != "OR"]
        listed = f"({' OR '.join(values)})" if values else None
        return BadQuery(
            self.query, start, end, WrongValue("une valeur, ou plusieurs comme (A OR B)", suggestion=listed)
        )

    def known(self, found: re.Match[str], raw: str, span: tuple[int, int]) -> Term:
        name, operator = found[1], found[2].removeprefix(":") or ":"
        try:
            field = self.vocabulary.find(name)
        except WrongValue as why:
            raise BadQuery(self.query, *found.span(1), why) from why
        try:
            value = field.read(operator, raw)
        except WrongValue as why:
            raise BadQuery(self.query, *span, why) from why
        return Term(field.name, ":" if operator == "=" else operator, raw, value)

    def count(self, terms: int, start: int) -> None:
        self.terms += terms
        if self.terms > MOST_TERMS:
            raise BadQuery(self.query, start, self.at, WrongValue("50 termes au plus"))

    def keyword(self, word: str) -> bool:
        """Whether this keyword stands here."""
        self.space()
        found = KEYWORD.match(self.query, self.at)
        return found is not None and found[1] == word

    def at_an_end(self) -> bool:
        """Whether nothing follows that could stand beside the last part."""
        return self.keyword("OR") or self.at == len(self.query) or self.query[self.at] == ")"

    def space(self) -> None:
        found = SPACE.match(self.query, self.at)
        self.at = found.end() if found else self.at

    def refuse_deep(self, depth: int, start: int) -> None:
        if depth >= MOST_NESTED:
            why = WrongValue("10 niveaux de parenthèses ou de NOT au plus")
            raise BadQuery(self.query, start, min(self.at + 1, len(self.query)), why)

    def refuse_spaced(self, before: list[Node], operator: Node) -> None:
        """`amount >= 100` would be three words."""
        last = before[-1] if before else None
        if not (isinstance(operator, Text) and COMPARISON.fullmatch(operator.text) and isinstance(last, Text)):
            return
        if not self.vocabulary.knows(last.text) or self.query[operator.at] == '"':
            return
        self.space()
        value = WORD.match(self.query, self.at)
        end = value.end() if value else self.at
        glued = f"{last.text}{operator.text}{value[0] if value else ''}"
        raise BadQuery(self.query, last.at, end, WrongValue("une comparaison sans espaces", suggestion=glued))

    def lonely(self, start: int, word: str) -> BadQuery:
        """An operator without what it joins."""
        expected = 'un terme de chaque côté de %(word)s, ou « "%(word)s" » pour chercher ce mot'
        if word == "NOT":
            expected = 'un terme après %(word)s, ou « "%(word)s" » pour chercher ce mot'
        return BadQuery(self.query, start, start + len(word), WrongValue(expected, {"word": word}, ""))


def _plain(value: str) -> str:
    """A value without its quotes."""
    if not value.startswith('"'):
        return value
    found = PHRASE.fullmatch(value)
    return (found[1] if found else value[1:]).replace('""', '"')
