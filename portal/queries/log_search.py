"""The explorer of `log`: frozen parameters, one statement without COUNT or OFFSET, one page."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select, true
from sqlalchemy.orm import Session

from portal.models import Log
from portal.models import LogActor as LogActor
from portal.models import LogLevel as LogLevel
from portal.models.log import TRACED_KEYS
from portal.queries import probes
from portal.queries.known import NONE, Kinds, keys_naming, known_kinds, of_known_kinds
from portal.queries.log_entry import BARE, COLUMNS, LogEntry, named_by
from portal.queries.log_language import is_type, log_vocabulary, parse_types
from portal.queries.nearest import nearest_first, no_farther
from portal.queries.paging import (
    BadParameter,
    Order,
    Page,
    cut_page,
    parse_cursor,
    parse_limit,
    parse_uuid,
    read_within,
)
from portal.queries.parameters import Arguments, Choice, choice, many, one, refuse_unknown
from portal.queries.probes import prefix_of
from portal.queries.search_query import Query, read_query, within
from portal.queries.text_search import FreeText
from portal.queries.time_range import TimeRange, parse_time_range

FILTERS = ("q", "level", "type", "actor", "actorId", "entity", "requestId", "from", "to")
PARAMETERS = (*FILTERS, "tz", "cursor", "limit", "sort")
SETS, EXACT = ("level", "type", "actor"), ("actorId", "entity", "requestId")
SORTS = {"-createdAt": False, "createdAt": True}
FEW = 8
"""Pairs of a type and a level, up to which each is read whole."""
NEAREST = 1000
"""Rows among which a page of a common family of types is looked for, before each of its kinds is asked for."""


@dataclass(frozen=True, slots=True)
class LogSearch:
    """What to show of the log. Values of one field are alternatives; fields add up.

    In `level`, `type` and `actor` a leading `-` leaves a value out, as in `type=-CRON_*`. `bare` rows come
    without their metadata, which takes a third of the time that reading a page does.
    """

    level: Choice = field(default_factory=Choice)
    type: Choice = field(default_factory=Choice)
    actor: Choice = field(default_factory=Choice)
    actor_id: str | None = None
    entity: str | None = None
    request_id: UUID | None = None
    period: TimeRange = field(default_factory=TimeRange)
    text: FreeText = field(default_factory=FreeText)
    query: Query = field(default_factory=Query)
    order: Order = field(default_factory=Order)
    limit: int = 50
    blame: tuple[str, str] = ("from", "")
    kinds: Kinds = NONE
    bare: bool = False
    keys: tuple[str, ...] = TRACED_KEYS

    @classmethod
    def from_args(cls, args: Arguments, *, now: datetime, tz: str, also: Iterable[str] = ()) -> "LogSearch":
        """The search that an address asks for; `also` are the page's own parameters. Raises BadParameter."""
        refuse_unknown(args, {*PARAMETERS, *also})
        given = parse_time_range(args, now=now, tz=tz)
        words = log_vocabulary(now, one(args, "tz") or tz)
        free = {name for name in (*SETS, *EXACT) if not many(args, name)}
        query = read_query(args, words, period=given, sets=free & set(SETS), exact=free & set(EXACT))
        asked, exact = query.parts.chosen, query.parts.exact
        return cls(
            level=asked.get("level") or choice(args, "level", LogLevel),
            type=asked.get("type") or parse_types(args),
            actor=asked.get("actor") or choice(args, "actor", LogActor),
            actor_id=exact.get("actorId") or one(args, "actorId"),
            entity=exact.get("entity") or one(args, "entity"),
            request_id=exact.get("requestId") or parse_uuid("requestId", one(args, "requestId")),
            period=within(given, query.parts),
            text=query.parts.text,
            query=query,
            order=Order(parse_cursor(one(args, "cursor")), _oldest_first(args)),
            limit=parse_limit(one(args, "limit")),
            blame=("q", one(args, "q") or "") if one(args, "q") else ("from", one(args, "from") or ""),
        )

    def statement(self) -> Any:
        """One row more than a page holds, in the order of reading."""
        if self._is_one_walk:
            return self._walk()
        if self._probes_are_few:
            return self._probed(self._columns)
        keys = self._keys()
        found = keys.subquery("found")
        row = select(*self._columns).where(Log.id == found.c.id, Log.created_at == found.c.created_at)
        row_of = row.where(*self.period.conditions(Log.created_at)).limit(1).lateral("entry")
        wanted = select(*row_of.c).select_from(found.join(row_of, true()))
        return wanted.order_by(*self.order.columns(found.c.created_at, found.c.id))

    def page(self, session: Session) -> Page[LogEntry]:
        """The page at the cursor. Raises BadParameter when it takes more than three seconds."""
        return cut_page([LogEntry(*row) for row in self._read(session)], self.limit, self.order.cursor)

    def finds_something(self, session: Session) -> bool:
        """Whether any row passes the filters. Raises BadParameter when that takes more than three seconds."""
        return bool(replace(self, limit=0)._read(session))

    def _read(self, session: Session) -> list[Any]:
        """One row more than a page holds, where there are so many."""
        parts = [self.period] if self._finds_by_id else nearest_first(self.period, self.order)
        if self._asks_for_families:
            nearest = replace(self, period=parts[0])._walk_among(NEAREST)
            found = read_within(session, self._planned(nearest), blame=self.blame)
            if len(found) > self.limit:
                return list(found)
        rows: list[Any] = []
        wanted = self.informed(session)
        by_one_index = wanted._is_one_walk or wanted._probes_are_few
        for part in parts:
            statement = replace(wanted, period=part, limit=self.limit - len(rows)).statement()
            rows += read_within(session, self._planned(statement) if by_one_index else statement, blame=self.blame)
            if len(rows) > self.limit:
                break
            wanted = replace(wanted, text=replace(self.text, rare=True))
        return rows

    def _planned(self, statement: Any) -> Any:
        """A statement that one index answers; its plan is kept if it does so whatever is asked of it."""
        return statement.execution_options(kept_plan=self._is_common)

    def informed(self, session: Session) -> "LogSearch":
        """The same search, which knows where it need not look."""
        if self.entity is not None:
            return replace(self, keys=keys_naming(session, self.entity))
        return replace(self, kinds=known_kinds(session)) if self._asks_for_families else self

    def filters(self) -> list[ColumnElement[bool]]:
        """Every filter as a condition on a row, without the place in the list: what counts and exports read."""
        named = [or_(*(Log.details[key].astext == self.entity for key in TRACED_KEYS))] if self.entity else []
        return [*replace(self, order=Order())._conditions(), *self._kinds(), *named]

    @property
    def _columns(self) -> Sequence[Any]:
        return BARE if self.bare else COLUMNS

    def _walk(self, *also: ColumnElement[bool]) -> Any:
        """The page by one walk of one index."""
        named = [named_by(Log.details, self.keys[0]) == self.entity] if self.entity else []
        return self._cut(select(*self._columns).where(*self._conditions(), *self._kinds(), *named, *also), Log)

    def _walk_among(self, nearest: int) -> Any:
        """What of the page is among the nearest rows, of its level where it has one, whatever their type."""
        level = Choice(self.level.only).conditions(Log.level) if len(self.level.only) == 1 else []
        return self._walk(no_farther(nearest, self.order, [*self.period.conditions(Log.created_at), *level]))

    def _keys(self) -> Any:
        """The page's keys from many walks of an index, so that only a page's rows are read whole."""
        if self.entity is None:
            return self._probed((Log.created_at, Log.id))
        found = probes.naming(self.entity, self.keys, [*self._conditions(), *self._kinds()], self._cut)
        return self._cut(select(found.c.created_at, found.c.id), found.c)

    def _probed(self, columns: Sequence[Any]) -> Any:
        """Columns of the page's rows, from a probe of each wanted type and level."""
        levels = self.level.only or tuple(LogLevel)
        conditions = [*self._conditions(), *self._left_out()]
        if self._asks_for_families:
            found = of_known_kinds(self.kinds, self.type.only, levels, conditions, self._cut)
            return self._cut(select(found.c.created_at, found.c.id), found.c)
        return probes.of_kinds(columns, probes.pairs(self.type.only, levels), conditions, self._cut)

    @property
    def _is_common(self) -> bool:
        """Whether it is the first page of what one filter finds, or of types with levels, which share an index."""
        filters = (self.type.only or self.level.only, self.actor.only, self.actor_id, self.entity, self.request_id)
        without = (self.type.without, self.level.without, self.actor.without)
        others = (self.text != FreeText(), self.query.conditions, self.order.cursor, self.period != TimeRange())
        return sum(map(bool, filters)) <= 1 and len(self.actor.only) <= 1 and not any((*without, *others))

    @property
    def _is_one_walk(self) -> bool:
        """Whether one walk of one index gives the page."""
        if self.entity is not None:
            return len(self.keys) == 1
        return self._is_narrow or not (self.type.only or len(self.level.only) > 1)

    @property
    def _asks_for_families(self) -> bool:
        """Whether types are asked for by how they begin, and no index of its own makes the rows few."""
        return not self._is_one_walk and self.entity is None and any(map(_is_family, self.type.only))

    @property
    def _probes_are_few(self) -> bool:
        """Whether reading a page of rows for each pair is quicker than to plan another reading of the book."""
        exact = self.entity is None and not any(map(_is_family, self.type.only))
        pairs = max(1, len(self.type.only)) * (len(self.level.only) or len(LogLevel))
        return exact and pairs <= FEW

    @property
    def _is_narrow(self) -> bool:
        """Whether an index of its own makes the rows few before their level and type matter."""
        return self._finds_by_id or self.text.finds_by_index

    @property
    def _finds_by_id(self) -> bool:
        """Whether that index is of ids: its rows are few and may lie anywhere."""
        return any((self.entity, self.request_id, self.actor_id, self.query.narrows))

    def _cut(self, query: Any, place: Any) -> Any:
        """`query` in reading order, one row longer than a page; `place` has its created_at and id."""
        return query.order_by(*self.order.columns(place.created_at, place.id)).limit(self.limit + 1)

    def _conditions(self) -> list[ColumnElement[bool]]:
        """Everything but level, type and entity."""
        ids = {Log.actor_id: self.actor_id, Log.request_id: self.request_id}
        return [
            *self.order.conditions(Log.created_at, Log.id),
            *self.period.conditions(Log.created_at),
            *self.text.conditions(Log.search),
            *self.actor.conditions(Log.actor),
            *self.query.conditions,
            *(column == given for column, given in ids.items() if given is not None),
        ]

    def _kinds(self) -> list[ColumnElement[bool]]:
        wanted = [or_(*map(is_type, self.type.only))] if self.type.only else []
        return [*wanted, *Choice(self.level.only).conditions(Log.level), *self._left_out()]

    def _left_out(self) -> list[ColumnElement[bool]]:
        types = [~is_type(value) for value in self.type.without]
        return [*types, *Choice(without=self.level.without).conditions(Log.level)]


def _is_family(type: str) -> bool:
    return prefix_of(type) is not None


def _oldest_first(args: Arguments) -> bool:
    given = one(args, "sort")
    if given is not None and given not in SORTS:
        raise BadParameter("sort", given, "-createdAt ou createdAt")
    return SORTS[given] if given else False
