"""The kinds of fields that a search may name: closed sets, columns, several columns, text, times, presence."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, func, not_, or_

from portal.queries.paging import BadParameter
from portal.queries.search_field import EQUAL, SMALLER, Field, WrongValue, is_present, missing, refuse_operator
from portal.queries.text_search import SHORTEST, holds


@dataclass(frozen=True, slots=True, eq=False)
class Closed:
    """A column of a closed set, whose values may have an order; a value is read as the members it stands for."""

    name: str
    column: Any
    kind: type[StrEnum]
    ordered: bool = False

    @property
    def values(self) -> Sequence[str]:
        """Every member."""
        return [member.value for member in self.kind]

    def read(self, operator: str, raw: str) -> tuple[str, ...]:
        """The members that `raw` stands for with this operator."""
        refuse_operator(operator, EQUAL if not self.ordered else (*EQUAL, *SMALLER))
        members = list(self.values)
        if raw.upper() not in members:
            near = get_close_matches(raw.upper(), members, n=1)
            raise WrongValue("%(values)s", {"values": ", ".join(members)}, near[0] if near else None)
        place = members.index(raw.upper())
        return tuple(m for n, m in enumerate(members) if _compares(operator, n, place))

    def condition(self, operator: str, value: tuple[str, ...]) -> ColumnElement[bool]:
        """One of the members; any other."""
        held: ColumnElement[bool] = self.column == value[0] if len(value) == 1 else self.column.in_(value)
        return not_(held) if operator == "!=" else held

    def narrows(self, _operator: str, _value: Any) -> bool:
        """Never: many rows share each member."""
        return False

    def present(self) -> ColumnElement[bool]:
        """Always, where the column is never null."""
        return is_present(self.column)


def _compares(operator: str, one: int, other: int) -> bool:
    return {
        "<": one < other,
        "<=": one <= other,
        ">": one > other,
        ">=": one >= other,
    }.get(operator, one == other)


@dataclass(frozen=True, slots=True, eq=False)
class Exact:
    """A column that is equal to a value, or is another; `parse` reads the value."""

    name: str
    column: Any
    parse: Callable[[str], Any] = str
    values: Sequence[str] = ()
    rare: bool = True

    def read(self, operator: str, raw: str) -> Any:
        """The value; nothing is none."""
        refuse_operator(operator, EQUAL)
        if not raw:
            raise missing()
        return self.parse(raw)

    def condition(self, operator: str, value: Any) -> ColumnElement[bool]:
        """Equal; or present, and another."""
        held: ColumnElement[bool] = self.column != value if operator == "!=" else self.column == value
        return held

    def narrows(self, operator: str, _value: Any) -> bool:
        """Where few rows share a value."""
        return self.rare and operator != "!="

    def present(self) -> ColumnElement[bool]:
        """Not null."""
        return is_present(self.column)


@dataclass(frozen=True, slots=True, eq=False)
class AnyOf:
    """Several columns, one of which is equal to a value; `search`, where given, is indexed and holds them all."""

    name: str
    columns: Sequence[Any]
    values: Sequence[str] = ()
    search: Any = None

    def read(self, operator: str, raw: str) -> str:
        """The value; nothing is none."""
        refuse_operator(operator, EQUAL)
        if not raw:
            raise missing()
        return raw

    def condition(self, operator: str, value: str) -> ColumnElement[bool]:
        """One is equal; or some are present, and none is."""
        held = or_(*(column == value for column in self.columns))
        if operator == "!=":
            return and_(self.present(), ~func.coalesce(held, False))
        return held if self.search is None else and_(holds(self.search, value), held)

    def narrows(self, operator: str, _value: Any) -> bool:
        """Each column has an index."""
        return operator != "!="

    def present(self) -> ColumnElement[bool]:
        """One is not null."""
        return or_(*map(is_present, self.columns))


@dataclass(frozen=True, slots=True, eq=False)
class Holding:
    """A text column that holds a piece of text, whatever its case; `search` is indexed and holds it too."""

    name: str
    column: Any
    search: Any
    values: Sequence[str] = ()

    def read(self, operator: str, raw: str) -> str:
        """The piece of text."""
        refuse_operator(operator, (":", "="))
        if not raw:
            raise missing()
        return raw

    def condition(self, _operator: str, value: str) -> ColumnElement[bool]:
        """Held by the column, found by the index."""
        return and_(holds(self.search, value), holds(func.lower(self.column), value))

    def narrows(self, _operator: str, value: Any) -> bool:
        """Where the text is long enough for the index."""
        return len(value) >= SHORTEST

    def present(self) -> ColumnElement[bool]:
        """Not null."""
        return is_present(self.column)


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """The time from which (included) or until which (not included) rows were made; `parse` reads a moment."""

    name: str
    column: Any
    starts: bool
    parse: Callable[[str, str], datetime]
    values: Sequence[str] = ("now-1h", "now-24h", "now-7d", "now-30d")

    def read(self, operator: str, raw: str) -> datetime:
        """The moment."""
        refuse_operator(operator, (":", "="))
        if not raw:
            raise missing()
        try:
            return self.parse(self.name, raw)
        except BadParameter as error:
            raise WrongValue(error.expected, error.words) from error

    def condition(self, _operator: str, value: datetime) -> ColumnElement[bool]:
        """At or after the start; before the end."""
        held: ColumnElement[bool] = self.column >= value if self.starts else self.column < value
        return held

    def narrows(self, _operator: str, _value: Any) -> bool:
        """Not by itself."""
        return False

    def present(self) -> ColumnElement[bool]:
        """Always."""
        return is_present(self.column)


@dataclass(frozen=True, slots=True, eq=False)
class Has:
    """Whether a row has another field at all; `find` knows them by name."""

    find: Callable[[str], Field]
    values: Sequence[str] = ()
    name: str = "has"

    def read(self, operator: str, raw: str) -> str:
        """The other field's name."""
        refuse_operator(operator, (":", "="))
        if not re.fullmatch(r"[^\W\d][\w.-]*", raw) or raw.lower() in {"has", "from", "to"}:
            raise WrongValue("le nom d’un champ ou d’une clé des métadonnées, comme has:errorStack")
        return self.find(raw).name

    def condition(self, _operator: str, value: str) -> ColumnElement[bool]:
        """Present."""
        return self.find(value).present()

    def narrows(self, _operator: str, _value: Any) -> bool:
        """Never."""
        return False

    def present(self) -> ColumnElement[bool]:
        """Meaningless, and refused by read()."""
        raise NotImplementedError
