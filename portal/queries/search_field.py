"""What a field of the search language is: a name, the values it takes, and what a row must satisfy.

A condition may be NULL where a row lacks the field: it then does not hold. What negates one must say so.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import ColumnElement

EQUAL = (":", "=", "!=")
SMALLER = {"<": True, "<=": True, ">": False, ">=": False}


class WrongValue(Exception):
    """What a name or a value should have been; `suggestion` would do in its place."""

    def __init__(
        self, expected: str, words: Mapping[str, object] | None = None, suggestion: str | None = None
    ) -> None:
        super().__init__(expected)
        self.expected = expected
        self.words = dict(words or {})
        self.suggestion = suggestion


class Field(Protocol):
    """One field: `name` as it is written, `values` where they are a closed set or have known members."""

    @property
    def name(self) -> str:
        """How the field is called."""
        ...

    @property
    def values(self) -> Sequence[str]:
        """Values to propose."""
        ...

    def read(self, operator: str, raw: str) -> Any:
        """The value as the condition wants it. Raises WrongValue."""
        ...

    def condition(self, operator: str, value: Any) -> ColumnElement[bool]:
        """What a row must satisfy."""
        ...

    def present(self) -> ColumnElement[bool]:
        """Whether a row has the field."""
        ...

    def narrows(self, operator: str, value: Any) -> bool:
        """Whether an index makes the rows of a condition few."""
        ...


def refuse_operator(operator: str, allowed: Iterable[str]) -> None:
    """Raises WrongValue for an operator that a field does not take."""
    if operator not in allowed:
        words = {"operators": " ".join(allowed)}
        raise WrongValue("ce champ ne se compare qu’avec %(operators)s", words)


def missing() -> WrongValue:
    """A value is missing."""
    return WrongValue("une valeur, collée au champ, comme type:PAYOUT_*")


def read_uuid(raw: str) -> UUID:
    """An id. Raises WrongValue."""
    try:
        return UUID(raw)
    except ValueError as error:
        raise WrongValue("un identifiant (UUID)") from error


def is_present(column: Any) -> ColumnElement[bool]:
    """Not null."""
    held: ColumnElement[bool] = column.is_not(None)
    return held
