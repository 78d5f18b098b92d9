"""Several short walks of an index in one statement, for filters that no single walk serves.

A walk of the time index that looks for rare types or levels reads the whole book; one probe per
(type, level), or per key that may name an entity, reads a page each.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

from sqlalchemy import ColumnElement, String, Subquery, cast, func, literal, literal_column, select, true, union
from sqlalchemy.dialects.postgresql import ARRAY

from portal.models import Log

Cut = Callable[[Any, Any], Any]
"""Puts a query in reading order, from the page's place, and makes it no longer than the page."""


@dataclass(frozen=True, slots=True)
class Place:
    """What to order by in place of a row's own columns."""

    created_at: Any
    id: Any


PROBED = Place(literal_column("probe.created_at"), literal_column("probe.id"))


def prefix_of(value: str) -> str | None:
    """The beginning that a type's filter asks for, or None when it names one type."""
    if value.endswith("*"):
        return value[:-1]
    return value if value.endswith("_") else None


def naming(entity: str, keys: Sequence[str], conditions: Sequence[ColumnElement[bool]], cut: Cut) -> Subquery:
    """Keys of the rows that name an entity under any of these metadata keys: one probe of each one's index."""
    arms = [
        cut(select(Log.created_at, Log.id).where(Log.details[key].astext == entity, *conditions), Log)
        for key in keys
    ]
    return union(*arms).subquery("named")


def pairs(types: Sequence[str], levels: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Every type beside every level; the levels alone where no types are asked for."""
    if not types:
        return {"level": levels}
    both = list(product(types, levels))
    return {"type": [type for type, _ in both], "level": [level for _, level in both]}


def of_kinds(
    columns: Sequence[Any],
    kinds: Mapping[str, Sequence[str]],
    conditions: Sequence[ColumnElement[bool]],
    cut: Cut,
) -> Any:
    """Columns of the rows of some levels, or of some types each beside its level: one probe of each."""
    kind = unnested(kinds)
    probe = select(*columns).where(*(getattr(Log, name) == kind.c[name] for name in kinds), *conditions)
    found = cut(probe, Log).lateral("probe")
    return cut(select(*_of_probe(tuple(columns))).select_from(kind.join(found, true())), PROBED)


@cache
def _of_probe(columns: tuple[Any, ...]) -> list[Any]:
    """Columns of a probe by their names: to ask it for them takes longer than all else of the statement."""
    return [literal_column(f"probe.{column.name}", column.type).label(column.name) for column in columns]


def unnested(kinds: Mapping[str, Sequence[str]]) -> Any:
    """Levels, or types each beside its level, as rows."""
    listed = func.unnest(*(_values(name, values) for name, values in kinds.items()))
    return listed.table_valued(*kinds, name="kind").render_derived()


def _values(name: str, values: Sequence[str]) -> Any:
    given = literal(list(values), ARRAY(String))
    return given if name == "type" else cast(given, ARRAY(Log.level.type))
