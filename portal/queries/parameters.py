"""An explorer's parameters, read strictly: a bad, repeated or unknown one is refused by its name."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from sqlalchemy import ColumnElement

from portal.queries.paging import BadParameter

W = TypeVar("W", bound=StrEnum)
LONGEST = 500
BROKEN = re.compile("[\x00\ud800-\udfff]")


class Arguments(Protocol):
    """Names with one or more values, as in an address."""

    def getlist(self, key: str, /) -> list[Any]:
        """Every value of a name."""
        ...

    def keys(self) -> Iterable[str]:
        """Every name."""
        ...


@dataclass(frozen=True, slots=True)
class Choice:
    """Values of one field: any of `only` if there are some, and none of `without`."""

    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether it lets everything pass."""
        return not self.only and not self.without

    def lets(self, value: str) -> bool:
        """Whether it lets a value pass that is one of its own, and no beginning of several."""
        return value not in self.without and (not self.only or value in self.only)

    def conditions(self, column: Any) -> list[ColumnElement[bool]]:
        """What a column must satisfy."""
        only = [_in(column, self.only)] if self.only else []
        return [*only, ~_in(column, self.without)] if self.without else only


def _in(column: Any, values: tuple[str, ...]) -> ColumnElement[bool]:
    found: ColumnElement[bool] = column == values[0] if len(values) == 1 else column.in_(values)
    return found


def refuse_unknown(args: Arguments, known: Collection[str]) -> None:
    """Nothing is silently ignored. Raises BadParameter."""
    for name in args.keys():  # noqa: SIM118 -- only these two methods are promised
        if name not in known:
            raise BadParameter(name, args.getlist(name)[0], "rien : ce paramètre n’existe pas ici")


def many(args: Arguments, name: str) -> list[str]:
    """Every value of a parameter, blanks left out. Raises BadParameter."""
    values = [str(value).strip() for value in args.getlist(name)]
    for value in values:
        if BROKEN.search(value):
            raise BadParameter(name, BROKEN.sub("\ufffd", value), "un texte sans caractère nul ni tronqué")
        if len(value) > LONGEST:
            raise BadParameter(name, value, "500 caractères au plus")
    return [value for value in values if value]


def one(args: Arguments, name: str) -> str | None:
    """The value of a parameter that is given once at most. Raises BadParameter."""
    values = many(args, name)
    if len(values) > 1:
        raise BadParameter(name, ", ".join(values), "une seule valeur")
    return values[0] if values else None


def member(name: str, text: str, kind: type[W]) -> W:
    """The member of a closed set that `text` names. Raises BadParameter."""
    try:
        return kind(text)
    except ValueError as error:
        raise BadParameter(name, text, ", ".join(kind)) from error


def flag(args: Arguments, name: str) -> bool:
    """Whether a parameter is 1; 0 and nothing are alike. Raises BadParameter."""
    text = one(args, name)
    if text not in {None, "0", "1"}:
        raise BadParameter(name, text or "", "1 ou 0")
    return text == "1"


def choice(args: Arguments, name: str, allowed: Iterable[str]) -> Choice:
    """Values of a closed set; a leading `-` leaves a value out. Raises BadParameter."""
    known = list(allowed)
    only, without = split_excluded(many(args, name))
    for value in (*only, *without):
        if value not in known:
            words = {"values": ", ".join(known)}
            raise BadParameter(name, value, "%(values)s ; précédé de « - » pour exclure", words)
    return Choice(only, without)


def split_excluded(values: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The values to keep, and those that a leading `-` leaves out; each once."""
    unique = list(dict.fromkeys(values))
    only = tuple(value for value in unique if not value.startswith("-"))
    return only, tuple(value[1:] for value in unique if value.startswith("-"))
