"""Metadata keys as fields of a search: equal, beginning with, present, or compared as numbers.

Writers keep numbers as numbers, and as text those that a double would not hold; both compare. Dots lead into
nested values. Nothing is cast that was not seen to be a number.
"""

import json
import operator as python
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Numeric, and_, case, cast, func, literal, or_
from sqlalchemy.dialects.postgresql import JSONB

from portal.queries.search_field import WrongValue, missing
from portal.queries.text_search import SHORTEST, holds

NUMBER = re.compile(r"-?\d{1,30}(?:[.,]\d{1,15})?", re.ASCII)
A_NUMBER_IN_TEXT = r"^-?\d{1,100}([.,]\d{1,100})?$"
COMPARE = {"<": python.lt, "<=": python.le, ">": python.gt, ">=": python.ge}


@dataclass(frozen=True, slots=True, eq=False)
class Metadata:
    """The value under a key of the metadata, or under keys within keys."""

    name: str
    path: tuple[str, ...]
    details: Any
    search: Any
    values: Sequence[str] = ()

    def read(self, operator: str, raw: str) -> str | Decimal:
        """A number for a comparison, else the text itself."""
        if operator not in COMPARE:
            return raw
        if not raw:
            raise missing()
        if not NUMBER.fullmatch(raw):
            raise WrongValue("un nombre, comme amount>=100 ou amount<99,50")
        return Decimal(raw.replace(",", "."))

    def condition(self, operator: str, value: str | Decimal) -> ColumnElement[bool]:
        """What the value under the key must satisfy."""
        if isinstance(value, Decimal):
            return self._number_compares(operator, value)
        if operator == "!=":
            return and_(self.present(), ~func.coalesce(self._equals(value), False))
        return self._equals(value)

    def narrows(self, operator: str, value: str | Decimal) -> bool:
        """Where the value's text can be found by the index of the searched text."""
        if isinstance(value, Decimal) or operator == "!=" or NUMBER.fullmatch(value):
            return False
        return len(value.removesuffix("*")) >= SHORTEST

    def present(self) -> ColumnElement[bool]:
        """There, and not null."""
        held: ColumnElement[bool] = self._text.is_not(None)
        return held

    @property
    def _json(self) -> Any:
        """A key with dots in its name comes before keys within keys."""
        if len(self.path) == 1:
            return self.details[self.path[0]]
        return func.coalesce(self.details[".".join(self.path)], self.details[self.path], type_=JSONB)

    @property
    def _text(self) -> Any:
        if len(self.path) == 1:
            return self._json.astext
        return func.coalesce(self.details[".".join(self.path)].astext, self.details[self.path].astext)

    def _equals(self, value: str) -> ColumnElement[bool]:
        """The text itself, its beginning before a *, the same number, or an element of a list."""
        if value.endswith("*"):
            return self._begins(value[:-1])
        held = [self._json.contains(cast(literal(element), JSONB)) for element in _elements(value)]
        found = [self._text == value, and_(func.jsonb_typeof(self._json) == "array", or_(*held))]
        if NUMBER.fullmatch(value):
            return or_(*found, self._number == Decimal(value.replace(",", ".")))
        return self._indexed(value, or_(*found))

    def _begins(self, beginning: str) -> ColumnElement[bool]:
        held = self._text.startswith(beginning, autoescape=True)
        return self._indexed(beginning, held) if beginning else self.present()

    def _indexed(self, value: str, held: ColumnElement[bool]) -> ColumnElement[bool]:
        """The searched text holds every value of the metadata: its index finds the rows."""
        return held if len(value) < SHORTEST else and_(holds(self.search, value), held)

    def _number_compares(self, operator: str, value: Decimal) -> ColumnElement[bool]:
        held: ColumnElement[bool] = COMPARE[operator](self._number, value)
        return held

    @property
    def _number(self) -> Any:
        """The value as a number; NULL when it is none."""
        as_number = cast(func.replace(self._text, ",", "."), Numeric)
        written = case((self._text.regexp_match(A_NUMBER_IN_TEXT), as_number))
        kind = func.jsonb_typeof(self._json)
        return case((kind == "number", cast(self._text, Numeric)), (kind == "string", written))


def _elements(value: str) -> list[str]:
    """What an element of a list may be that is written so, as JSON."""
    bare = [value] if value in {"true", "false"} else []
    number = [str(Decimal(value.replace(",", ".")))] if NUMBER.fullmatch(value) else []
    return [json.dumps(value), *bare, *number]


@dataclass(frozen=True, slots=True, eq=False)
class Traced:
    """A metadata key that names an entity and has an index of its own."""

    name: str
    key: str
    details: Any
    values: Sequence[str] = ()

    def read(self, operator: str, raw: str) -> str:
        """The id; only equality means something."""
        if operator in COMPARE:
            raise WrongValue("ce champ ne se compare qu’avec %(operators)s", {"operators": ": = !="})
        if not raw:
            raise missing()
        return raw

    def condition(self, operator: str, value: str) -> ColumnElement[bool]:
        """Equal; or present, and another."""
        text = self.details[self.key].astext
        held: ColumnElement[bool] = text != value if operator == "!=" else text == value
        return held

    def narrows(self, operator: str, _value: str) -> bool:
        """By the key's own index."""
        return operator != "!="

    def present(self) -> ColumnElement[bool]:
        """There, and not null."""
        held: ColumnElement[bool] = self.details[self.key].astext.is_not(None)
        return held
