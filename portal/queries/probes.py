"""Several short walks of an index in one statement, for filters that no single walk serves.

A walk of the time index that looks for rare types or levels reads the whole book; one probe per
(type, level), or per key that may name an entity, reads a page each.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, String, Subquery, cast, func, or_, select, true, union
from sqlalchemy.dialects.postgresql import ARRAY, array

from portal.models import Log

Cut = Callable[[Any, Any], Any]
"""Puts a query in reading order, from the page's place, and makes it no longer than the page."""


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


def of_kinds(
    columns: Sequence[Any],
    types: Sequence[str],
    levels: Sequence[str],
    conditions: Sequence[ColumnElement[bool]],
    cut: Cut,
) -> Subquery:
    """Columns of the rows of these types, or of every type, and levels: one probe of each pair."""
    level = select(func.unnest(cast(array(levels), ARRAY(Log.level.type))).label("level")).subquery("levels")
    probe = select(*columns).where(Log.level == level.c.level, *conditions)
    source: Any = level
    if types:
        kind = _known_types(types)
        probe = probe.where(Log.type == kind.c.type)
        source = kind.join(level, true())
    found = cut(probe, Log).lateral("probe")
    return select(*found.c).select_from(source.join(found, true())).subquery("probed")


def _known_types(wanted: Sequence[str]) -> Subquery:
    """The types that exist in the book among `wanted`, prefixes resolved."""
    exact = [value for value in wanted if prefix_of(value) is None]
    arms: list[Any] = []
    if exact:
        arms.append(select(func.unnest(cast(array(exact), ARRAY(String))).label("type")))
    prefixes = [prefix for prefix in map(prefix_of, wanted) if prefix is not None]
    if prefixes:
        every = _every_type()
        matching = [func.starts_with(every.c.type, prefix) for prefix in prefixes]
        arms.append(select(every.c.type).where(or_(*matching)))
    return union(*arms).subquery("kinds")


def _every_type() -> Any:
    """Each type once, by hopping along the index from one to the next."""
    first = select(func.min(Log.type).label("type"))
    hop = first.cte("every_type", recursive=True)
    following = select(func.min(Log.type)).where(Log.type > hop.c.type).scalar_subquery()
    return hop.union_all(select(following).where(hop.c.type.is_not(None)))
