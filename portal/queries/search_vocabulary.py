"""The words of one book's language: its fields under every spelling, and the metadata keys that are known."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from sqlalchemy import ColumnElement, and_, func, not_, or_

from portal.audit.catalogue import CATALOGUE
from portal.queries.search_field import Field, WrongValue
from portal.queries.search_fields import Has
from portal.queries.search_metadata import Metadata
from portal.queries.search_nodes import Either, Every, Node, Not, Term, Text
from portal.queries.text_search import SHORTEST, holds

METADATA = "metadata."
NEAR = 0.75
"""How alike an unknown name and a known one are when it is taken for a slip of the pen."""
ALSO_WRITTEN = ("errorStack", "errorType", "errorCode", "errorMessage", "stripeRequestId", "elapsedMs", "note")
KEYS = tuple(sorted({key for spec in CATALOGUE.values() for key in spec.required} | set(ALSO_WRITTEN)))
"""Metadata keys that the catalogue requires somewhere, and those that errors carry."""


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """What a search of one book may name. Any other name is a metadata key, unless it looks like a known one."""

    fields: Mapping[str, Field]
    details: Any
    search: Any
    keys: Sequence[str] = KEYS

    def known(self, name: str) -> Field | None:
        """The field of a name, in whatever case; None when it is none."""
        if name.startswith(METADATA):
            return self._metadata(name.removeprefix(METADATA), name)
        if name.casefold() in self.fields:
            return self.fields[name.casefold()]
        first, _, rest = name.partition(".")
        key = first if first in self.keys else next((k for k in self.keys if k.lower() == first.lower()), None)
        return None if key is None else self._metadata(f"{key}.{rest}" if rest else key)

    def knows(self, name: str) -> bool:
        """Whether a name is a field's or a known key's as it is written."""
        return name in self.keys or name.casefold() in self.fields

    def find(self, name: str) -> Field:
        """The field of a name. Raises WrongValue for one that a known name is near to."""
        field = self.known(name)
        if field is not None:
            return field
        near = get_close_matches(name.casefold(), self._names(), n=1, cutoff=NEAR)
        if near:
            words = {"name": name, "near": self._names()[near[0]]}
            expected = (
                "un champ connu : « %(name)s » n’en est pas un, vouliez-vous dire « %(near)s » ? "
                "(metadata.%(name)s cherche une clé de ce nom)"
            )
            raise WrongValue(expected, words, words["near"])
        return self._metadata(name)

    def is_a_word(self, name: str, bare: str | None) -> bool:
        """Whether `name:bare` is text, as in TypeError: or https://… or views.py:12."""
        if self.known(name) is not None or bare is None:
            return False
        return not bare or bare.startswith("//") or "." in name

    def condition(self, node: Node) -> ColumnElement[bool]:
        """What a row must satisfy; NULL counts as no."""
        match node:
            case Text(text):
                return holds(self.search, text)
            case Term(name, operator, _, value):
                return self.find(name).condition(operator, value)
            case Not(inner):
                return not_(func.coalesce(self.condition(inner), False))
            case Every(parts):
                return and_(*map(self.condition, parts))
            case Either(parts):
                return or_(*map(self.condition, parts))

    def narrows(self, node: Node) -> bool:
        """Whether an index makes the rows of a node few by itself."""
        match node:
            case Text(text):
                return len(text) >= SHORTEST
            case Term(name, operator, _, value):
                return self.find(name).narrows(operator, value)
            case Not():
                return False
            case Every(parts):
                return any(map(self.narrows, parts))
            case Either(parts):
                return all(map(self.narrows, parts))

    def _names(self) -> dict[str, str]:
        return {key.casefold(): key for key in self.keys} | {s: field.name for s, field in self.fields.items()}

    def _metadata(self, path: str, name: str | None = None) -> Metadata:
        return Metadata(name or path, tuple(path.split(".")), self.details, self.search)


def vocabulary(fields: Iterable[Field], spellings: Mapping[str, str], details: Any, search: Any) -> Vocabulary:
    """A book's vocabulary: each field under its name and its other `spellings`, and `has` for all of them."""
    named = {field.name.casefold(): field for field in fields}
    named |= {spelling.casefold(): named[name.casefold()] for spelling, name in spellings.items()}
    found = Vocabulary(named, details, search)
    named["has"] = Has(found.find, values=KEYS)
    return found
