"""The live tail of `log`: the rows that became visible since a place, each exactly once.

Neither ids nor moments are in the order of commits, so a place is a snapshot: what it saw was read. A row
is new when a later snapshot sees its transaction and the place's did not. A transaction that stays open
for an hour holds up nobody else's rows, and its own come when it commits.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, and_, func, literal, or_, select, text
from sqlalchemy.orm import Session
from sqlalchemy.types import UserDefinedType

from portal.models import Log
from portal.queries.log_entry import COLUMNS, LogEntry
from portal.queries.log_search import LogSearch
from portal.queries.paging import BadParameter, read_within

MOST = 500
"""Rows of one answer; more wait for the next."""
LARGEST = 2**63 - 1
ROOM = 1200
"""Characters that an address has room for; of a longer snapshot only what is before its oldest counts as seen."""
LONGEST = 3000
SNAPSHOT = re.compile(r"(\d{1,19}):(\d{1,19}):((?:\d{1,19}(?:,\d{1,19})*)?)", re.ASCII)
ROW = re.compile(r"(\d{1,19})\.(\d{1,19})", re.ASCII)
NOW = text("""
select case when pg_is_in_recovery()
    then format('%s:%s:', pg_snapshot_xmin(pg_current_snapshot()), pg_snapshot_xmin(pg_current_snapshot()))
    else pg_current_snapshot()::text end
""")
"""A replica's own snapshot does not name what still runs: there all before the oldest of it is what was seen."""


class _Named(UserDefinedType[Any]):
    """A PostgreSQL type by its name."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: Any) -> str:
        """The name."""
        return self.name


@dataclass(frozen=True, slots=True)
class TailPlace:
    """All that the snapshot `seen` saw was read; amid a burst also, of what `upto` sees, the rows up to `row`."""

    seen: str
    upto: str | None = None
    row: tuple[int, int] | None = None

    def encode(self) -> str:
        """The place as a URL parameter."""
        return self.seen if self.row is None else f"{self.seen}~{self.upto}~{self.row[0]}.{self.row[1]}"


@dataclass(frozen=True, slots=True)
class Tail:
    """New rows, newest first, and the place after them; `more` of them wait already."""

    rows: Sequence[LogEntry]
    place: TailPlace
    more: bool


def tail_place(session: Session) -> TailPlace:
    """The place of now. Taken before a page is read, what the page does not see is new after it."""
    seen = str(session.connection().scalar(NOW))
    if len(seen) <= ROOM:
        return TailPlace(seen)
    oldest = seen.partition(":")[0]
    return TailPlace(f"{oldest}:{oldest}:")


def parse_place(given: str) -> TailPlace:
    """The place of a URL parameter. Raises BadParameter."""
    seen, *rest = given[:LONGEST].split("~")
    snapshots = [seen, *rest[:1]]
    row = ROW.fullmatch(rest[1]) if len(rest) == 2 else None
    whole = len(given) <= LONGEST and len(rest) in {0, 2} and (row is not None or not rest)
    if not whole or not all(map(_is_snapshot, snapshots)) or (row and max(int(row[1]), int(row[2])) > LARGEST):
        raise BadParameter("after", given, "la place donnée par la réponse précédente")
    return TailPlace(seen, rest[0], (int(row[1]), int(row[2]))) if row else TailPlace(seen)


def _is_snapshot(given: str) -> bool:
    found = SNAPSHOT.fullmatch(given)
    if found is None:
        return False
    first, end = int(found[1]), int(found[2])
    running = [int(xid) for xid in found[3].split(",") if xid]
    within = all(first <= xid < end for xid in running) and running == sorted(running)
    return 0 < first <= end <= LARGEST and within


def read_tail(session: Session, search: LogSearch, place: TailPlace) -> Tail:
    """The oldest 500 new rows that pass the search's filters. Raises BadParameter after three seconds."""
    upto = place.upto or tail_place(session).seen
    found = read_within(session, _statement(search, replace(place, upto=upto)), blame=("after", place.encode()))
    rows = [LogEntry(*row[1:]) for row in found[:MOST]]
    more = len(found) > MOST
    after = TailPlace(place.seen, upto, (int(found[MOST - 1].txid), rows[-1].id)) if more else TailPlace(upto)
    return Tail(sorted(rows, key=lambda row: (row.created_at, row.id), reverse=True), after, more)


def _statement(search: LogSearch, place: TailPlace) -> Any:
    """One row more than an answer holds, by transaction; the two bounds of txid are what the index knows."""
    seen, upto = _snapshot(place.seen), _snapshot(str(place.upto))
    new: list[ColumnElement[bool]] = [
        Log.txid >= _xid(place.seen.split(":")[0]),
        Log.txid < _xid(str(place.upto).split(":")[1]),
        ~func.pg_visible_in_snapshot(Log.txid, seen),
        func.pg_visible_in_snapshot(Log.txid, upto),
    ]
    if place.row is not None:
        last = _xid(str(place.row[0]))
        new += [Log.txid >= last, or_(Log.txid > last, and_(Log.txid == last, Log.id > place.row[1]))]
    query = select(Log.txid, *COLUMNS).where(*new, *search.filters())
    return query.order_by(Log.txid, Log.id).limit(MOST + 1)


def _xid(number: str) -> Any:
    return literal(number).cast(_Named("xid8"))


def _snapshot(given: str) -> Any:
    return literal(given).cast(_Named("pg_snapshot"))
