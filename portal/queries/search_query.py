"""The `q` of an explorer: read, checked, and taken apart into what its book reads fast and conditions."""

from collections.abc import Collection
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement

from portal.queries.paging import BadParameter
from portal.queries.parameters import Arguments, one
from portal.queries.search_language import parse
from portal.queries.search_nodes import Node
from portal.queries.search_parts import Parts, refuse_short_text, take_apart
from portal.queries.search_vocabulary import Vocabulary
from portal.queries.time_range import TimeRange


@dataclass(frozen=True, slots=True)
class Query:
    """What a search says: its tree, the parts taken out of it, and conditions for what is left."""

    node: Node | None = None
    parts: Parts = field(default_factory=Parts)
    conditions: tuple[ColumnElement[bool], ...] = field(default=(), compare=False)
    narrows: bool = False


def read_query(
    args: Arguments, words: Vocabulary, *, period: TimeRange, sets: Collection[str], exact: Collection[str]
) -> Query:
    """The search of `q`, with what may be taken out of it of `sets` and `exact`. Raises BadQuery."""
    if one(args, "q") is None:
        return Query()
    query = next(str(value) for value in args.getlist("q") if str(value).strip())
    node = parse(query, words)
    parts = take_apart(node, sets=sets, exact=exact)
    if period.start is None and parts.start is None:
        refuse_short_text(query, node)
    return Query(
        node=node,
        parts=parts,
        conditions=tuple(words.condition(part) for part in parts.rest),
        narrows=any(words.narrows(part) for part in parts.rest),
    )


def within(period: TimeRange, parts: Parts) -> TimeRange:
    """The period of an address and of its search, both. Raises BadParameter where they do not meet."""
    starts = [moment for moment in (period.start, parts.start) if moment is not None]
    ends = [moment for moment in (period.end, parts.end) if moment is not None]
    both = TimeRange(max(starts, default=None), min(ends, default=None))
    if both.start and both.end and both.start >= both.end:
        raise BadParameter("q", "from: to:", "une période qui commence avant sa fin")
    return both
