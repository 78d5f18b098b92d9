"""The inbox as admins list it: dead letters first, then newest first; its filters, its pages, its health."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, or_, select, union_all
from sqlalchemy.orm import Session

from portal.models import EventOrigin as EventOrigin
from portal.models import InboxState as InboxState
from portal.models import StripeEvent as StripeEvent
from portal.queries.paging import BadParameter, Cursor, Order, Page, parse_cursor, parse_limit, read_within
from portal.queries.parameters import Arguments, one, refuse_unknown
from portal.queries.time_range import TimeRange, parse_time_range

LATE = timedelta(minutes=5)
"""An event that waits longer than this is late: it fails, or nobody processes."""

PARAMETERS = frozenset({"state", "type", "account", "from", "to", "tz", "q", "cursor", "limit"})
LATE_STATE = "LATE"
"""What `state` also takes: waiting for longer than LATE."""

COLUMNS = (
    StripeEvent.id,
    StripeEvent.type,
    StripeEvent.account,
    StripeEvent.object_type,
    StripeEvent.object_id,
    StripeEvent.livemode,
    StripeEvent.api_version,
    StripeEvent.origin,
    StripeEvent.request_id,
    StripeEvent.stripe_created_at,
    StripeEvent.received_at,
    StripeEvent.state,
    StripeEvent.processed_at,
    StripeEvent.next_try_at,
    StripeEvent.tries,
    StripeEvent.last_error,
    StripeEvent.note,
)
"""Everything but the body, which may hold 256 KB."""


@dataclass(frozen=True, slots=True)
class WebhookRow:
    """One event of the list."""

    id: str
    type: str
    account: str | None
    object_type: str | None
    object_id: str | None
    livemode: bool
    api_version: str | None
    origin: EventOrigin
    request_id: UUID
    stripe_created_at: datetime
    received_at: datetime
    state: InboxState
    processed_at: datetime | None
    next_try_at: datetime | None
    tries: int
    last_error: str | None
    note: str | None

    @property
    def created_at(self) -> datetime:
        """Its place in the list: when it was received."""
        return self.received_at

    def is_late(self, now: datetime) -> bool:
        """Whether it waits for too long."""
        return self.state is InboxState.RECEIVED and self.received_at < now - LATE


class Part(StrEnum):
    """Where in the list a row stands: the letter before its id in a cursor."""

    DEAD = "d"
    OTHERS = "o"


@dataclass(frozen=True, slots=True)
class WebhookSearch:
    """Events that pass every filter: dead letters, then the others, each newest first."""

    now: datetime
    state: str | None = None
    type: str | None = None
    account: str | None = None
    period: TimeRange = field(default_factory=TimeRange)
    text: str = ""
    cursor: Cursor | None = None
    limit: int = 50

    @classmethod
    def from_args(cls, args: Arguments, *, tz: str, now: datetime) -> "WebhookSearch":
        """The search that an address asks for; `tz` is the reader's zone. Raises BadParameter."""
        refuse_unknown(args, PARAMETERS)
        return cls(
            now=now,
            state=_state(one(args, "state")),
            type=one(args, "type"),
            account=one(args, "account"),
            period=parse_time_range(args, now=now, tz=tz),
            text=one(args, "q") or "",
            cursor=_cursor(one(args, "cursor")),
            limit=parse_limit(one(args, "limit")),
        )

    @property
    def narrowed(self) -> bool:
        """Whether anything is filtered at all."""
        return bool(self.state or self._conditions())

    def page(self, session: Session) -> Page[WebhookRow]:
        """One page: from the cursor's part of the list, then from the next one where it ends."""
        found: list[WebhookRow] = []
        for part, order in self._parts():
            found += self._read(session, self.statement(part, order, self.limit + 1 - len(found)))
            if len(found) > self.limit:
                break
        return _cut(found, self.limit, self.cursor)

    def statement(self, part: Part, order: Order, limit: int) -> Select[*tuple[Any, ...]]:
        """Up to `limit` rows of one part, in the order's direction."""
        place = (StripeEvent.received_at, StripeEvent.id)
        dead = StripeEvent.state == InboxState.DEAD
        wanted = [dead if part is Part.DEAD else ~dead, *self._of_state(), *self._conditions()]
        query: Select[*tuple[Any, ...]] = select(*COLUMNS).where(*wanted, *order.conditions(*place))
        return query.order_by(*order.columns(*place)).limit(limit)

    def _read(self, session: Session, statement: Select[*tuple[Any, ...]]) -> list[WebhookRow]:
        given = [("q", self.text), ("type", self.type), ("account", self.account), ("state", self.state)]
        blame = next(((name, value) for name, value in given if value), ("from", ""))
        return [WebhookRow(*row) for row in read_within(session, statement, blame=blame)]

    def _parts(self) -> list[tuple[Part, Order]]:
        """What to read in turn, and from where: the cursor's part, then the whole of the next one."""
        if self.cursor is None:
            return [(part, Order()) for part in self._present()]
        here, back = Part(str(self.cursor.id)[0]), self.cursor.backwards
        order = self._present()[::-1] if back else self._present()
        later = order[order.index(here) + 1 :] if here in order else []
        inside = Cursor(self.cursor.at, str(self.cursor.id)[1:], back)
        return [(here, Order(inside)), *((part, Order(oldest_first=back)) for part in later)]

    def _present(self) -> list[Part]:
        """The parts that this list has."""
        if self.state is None:
            return [Part.DEAD, Part.OTHERS]
        return [Part.DEAD if self.state == InboxState.DEAD else Part.OTHERS]

    def _of_state(self) -> list[ColumnElement[bool]]:
        if self.state is None:
            return []
        return list(is_late(self.now)) if self.state == LATE_STATE else [StripeEvent.state == self.state]

    def _conditions(self) -> Sequence[ColumnElement[bool]]:
        found = list(self.period.conditions(StripeEvent.received_at))
        if self.type:
            found.append(_of_type(self.type))
        if self.account:
            found.append(StripeEvent.account == self.account)
        return [*found, _mentions(self.text)] if self.text else found


def _cut(found: Sequence[WebhookRow], limit: int, cursor: Cursor | None) -> Page[WebhookRow]:
    """A page from up to `limit` + 1 rows read in the cursor's direction."""
    more, backwards = len(found) > limit, cursor is not None and cursor.backwards
    rows = list(found[:limit])
    if backwards:
        rows.reverse()
    after, before = (True, more) if backwards else (more, cursor is not None)
    following = _place(rows[-1], False) if rows and after else None
    return Page(rows, following, _place(rows[0], True) if rows and before else None)


def _place(row: WebhookRow, backwards: bool) -> Cursor:
    part = Part.DEAD if row.state is InboxState.DEAD else Part.OTHERS
    return Cursor(row.received_at, part + row.id, backwards)


def _cursor(given: str | None) -> Cursor | None:
    cursor = parse_cursor(given, str)
    if cursor is not None and str(cursor.id)[:1] not in set(Part):
        raise BadParameter("cursor", given or "", "un curseur donné par une page précédente")
    return cursor


def _state(text: str | None) -> str | None:
    known = [*InboxState, LATE_STATE]
    if text is not None and text not in known:
        raise BadParameter("state", text, ", ".join(known))
    return text


def _of_type(text: str) -> ColumnElement[bool]:
    """One type, or a family of them: payout.* and payout. are the same."""
    start = text.removesuffix("*")
    if start == text and not text.endswith("."):
        return StripeEvent.type == text
    return StripeEvent.type.startswith(start, autoescape=True)


def _mentions(text: str) -> ColumnElement[bool]:
    """An id, whole; or words of an error. Each arm has an index, which an OR over columns would not use."""
    if text.startswith("acct_"):
        return or_(StripeEvent.account == text, StripeEvent.object_id == text)
    said = StripeEvent.last_error.is_not(None) & StripeEvent.last_error.icontains(text, autoescape=True)
    named = [column == text for column in (StripeEvent.id, StripeEvent.object_id, StripeEvent.subject)]
    return StripeEvent.id.in_(union_all(*(select(StripeEvent.id).where(arm) for arm in (*named, said))))


def is_late(now: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """What waits for longer than it should."""
    return StripeEvent.state == InboxState.RECEIVED, StripeEvent.received_at < now - LATE
