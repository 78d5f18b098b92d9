"""How many rows each level, type and actor has under the other filters, and how many there are altogether."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.models import Log
from portal.queries.counted_hours import Counted, Cutoffs, counted_hours
from portal.queries.log_counts import CAP, newest_rows, roll_up_for, sums
from portal.queries.log_search import LogSearch
from portal.queries.paging import read_within
from portal.queries.parameters import Choice
from portal.queries.totals import Total, row_total

FIELDS = ("level", "type", "actor")
Row = tuple[str, str, str, int]
"""A level, type and actor, and how many rows have them; a field that was not read apart is ""."""


@dataclass(frozen=True, slots=True)
class Facet:
    """The values of one field and how many rows each has; `is_capped`: at least so many."""

    field: str
    counts: Mapping[str, int]
    is_capped: bool
    outlived: int


@dataclass(frozen=True, slots=True)
class Tally:
    """The rows of a search by kind: all of them, or of the newest CAP."""

    rows: Sequence[Row]
    is_capped: bool = False
    outlived: int = 0


def log_facets(session: Session, search: LogSearch, cutoffs: Cutoffs) -> Sequence[Facet]:
    """Each field's counts, its own filter left out. Raises BadParameter when a count takes over three seconds."""
    counted = counted_hours(session)
    known: list[tuple[LogSearch, str | None, Tally]] = []
    found = []
    for place, field in enumerate(FIELDS):
        opened: dict[str, Any] = {field: Choice()}
        others = replace(search, **opened)
        roll_up = roll_up_for(others, *([] if field == "level" else [field]))
        tally = next((t for s, r, t in known if (s, r) == (others, roll_up)), None)
        if tally is None:
            tally = _tally(session, others, roll_up, cutoffs, counted)
            known.append((others, roll_up, tally))
        found.append(_facet(field, place, tally))
    return found


def _facet(field: str, place: int, tally: Tally) -> Facet:
    counts: Counter[str] = Counter()
    for row in tally.rows:
        counts[str(row[place])] += row[3]
    return Facet(field, dict(counts.most_common()), tally.is_capped, tally.outlived)


def _tally(session: Session, search: LogSearch, roll_up: str | None, cutoffs: Cutoffs, counted: Counted) -> Tally:
    if roll_up is None:
        return _newest(session, search)
    found = sums(session, search, cutoffs, by=roll_up, counted=counted)
    of_type = roll_up == "type"
    rows = [(s.level.value, s.key if of_type else "", "" if of_type else s.key, s.n) for s in found.sums]
    return Tally(rows, outlived=found.outlived)


def _newest(session: Session, search: LogSearch) -> Tally:
    newest = newest_rows(search).subquery("newest")
    kinds = (newest.c.level, newest.c.type, newest.c.actor)
    rows = read_within(session, select(*kinds, func.count()).group_by(*kinds), blame=search.blame)
    is_cut = sum(row[3] for row in rows) > CAP
    return Tally([(level.value, kind, actor.value, n) for level, kind, actor, n in rows], is_cut)


def log_total(session: Session, search: LogSearch, cutoffs: Cutoffs, *, exact: bool = False) -> Total:
    """How many rows pass: exact from the hourly counts, else up to CAP or, when `exact`, all one by one.

    Raises BadParameter after three seconds.
    """
    if roll_up_for(search) is not None:
        found = sums(session, search, cutoffs)
        return Total(found.total, outlived=found.outlived)
    return row_total(session, Log.id, search, exact=exact)
