"""The explorer of `transaction_log`: frozen parameters, one statement without COUNT or OFFSET, one page."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from portal.models import EntityType as EntityType
from portal.models import TransactionEventType as TransactionEventType
from portal.models import TransactionLog
from portal.queries.amounts import AmountRange, parse_amounts
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
from portal.queries.parameters import Arguments, Choice, choice, many, one, refuse_unknown, split_excluded
from portal.queries.search_query import Query, read_query, within
from portal.queries.search_types import matching
from portal.queries.text_search import FreeText
from portal.queries.time_range import TimeRange, parse_time_range
from portal.queries.totals import Total, row_total
from portal.queries.transaction_entry import BARE, COLUMNS, TransactionEntry
from portal.queries.transaction_language import transaction_vocabulary

COLUMN_OF = {
    "entityId": TransactionLog.entity_id,
    "stripeEventId": TransactionLog.stripe_event_id,
    "paymentId": TransactionLog.payment_id,
    "payoutId": TransactionLog.payout_id,
    "refundId": TransactionLog.refund_id,
    "status": TransactionLog.status,
}
AMOUNTS = ("currency", "amountMin", "amountMax")
FILTERS = ("q", "eventType", "entityType", *COLUMN_OF, *AMOUNTS, "requestId", "from", "to")
PARAMETERS = (*FILTERS, "tz", "cursor", "limit")
SETS = {"type": "eventType", "entityType": "entityType"}
"""The language's fields that are read as this book's own parameters."""
CURRENCY = re.compile("[A-Za-z]{3}")


@dataclass(frozen=True, slots=True)
class TransactionSearch:
    """What to show of the book of money. Values of one field are alternatives; fields add up.

    In `event_type` and `entity_type` a leading `-` leaves a value out; `event_type` takes prefixes.
    `bare` rows come without their metadata.
    """

    event_type: Choice = field(default_factory=Choice)
    entity_type: Choice = field(default_factory=Choice)
    exact: tuple[tuple[str, str], ...] = ()
    currency: str | None = None
    amounts: AmountRange = field(default_factory=AmountRange)
    request_id: UUID | None = None
    period: TimeRange = field(default_factory=TimeRange)
    text: FreeText = field(default_factory=FreeText)
    query: Query = field(default_factory=Query)
    order: Order = field(default_factory=Order)
    limit: int = 50
    blame: tuple[str, str] = ("from", "")
    bare: bool = False

    @classmethod
    def from_args(
        cls, args: Arguments, *, now: datetime, tz: str, also: Iterable[str] = ()
    ) -> "TransactionSearch":
        """The search that an address asks for; `also` are the page's own parameters. Raises BadParameter."""
        refuse_unknown(args, {*PARAMETERS, *also})
        given = parse_time_range(args, now=now, tz=tz)
        words = transaction_vocabulary(now, one(args, "tz") or tz)
        sets = {field for field, name in SETS.items() if not many(args, name)}
        query = read_query(args, words, period=given, sets=sets, exact=())
        exact = [(name, one(args, name)) for name in COLUMN_OF]
        return cls(
            event_type=query.parts.chosen.get("type") or _event_types(args),
            entity_type=query.parts.chosen.get("entityType") or choice(args, "entityType", EntityType),
            exact=tuple((name, value) for name, value in exact if value is not None),
            currency=_currency(args),
            amounts=parse_amounts(args),
            request_id=parse_uuid("requestId", one(args, "requestId")),
            period=within(given, query.parts),
            text=query.parts.text,
            query=query,
            order=Order(parse_cursor(one(args, "cursor"))),
            limit=parse_limit(one(args, "limit")),
            blame=("q", one(args, "q") or "") if one(args, "q") else ("from", one(args, "from") or ""),
        )

    def statement(self) -> Any:
        """One row more than a page holds, in the order of reading."""
        place = (TransactionLog.created_at, TransactionLog.id)
        conditions = [*self.order.conditions(*place), *self.filters()]
        rows = select(*(BARE if self.bare else COLUMNS)).where(*conditions)
        return rows.order_by(*self.order.columns(*place)).limit(self.limit + 1)

    def page(self, session: Session) -> Page[TransactionEntry]:
        """The page at the cursor. Raises BadParameter when it takes more than three seconds."""
        rows = read_within(session, self.statement(), blame=self.blame)
        return cut_page([TransactionEntry(*row) for row in rows], self.limit, self.order.cursor)

    def finds_something(self, session: Session) -> bool:
        """Whether any row passes the filters. Raises BadParameter when that takes more than three seconds."""
        return bool(read_within(session, self.statement().limit(1), blame=self.blame))

    def filters(self) -> list[ColumnElement[bool]]:
        """Every filter as a condition on a row, without the place in the list: what counts and exports read."""
        book = TransactionLog
        found = [
            *self.period.conditions(book.created_at),
            *self.text.conditions(book.search),
            *self.amounts.conditions(book.amount_minor, book.currency),
            *self.event_type.conditions(book.event_type),
            *self.entity_type.conditions(book.entity_type),
            *(COLUMN_OF[name] == value for name, value in self.exact),
            *self.query.conditions,
        ]
        if self.currency is not None:
            found.append(book.currency == self.currency)
        return found if self.request_id is None else [*found, book.request_id == self.request_id]


def _event_types(args: Arguments) -> Choice:
    only, without = split_excluded(many(args, "eventType"))
    return Choice(_resolved(only), _resolved(without))


def _resolved(wanted: Iterable[str]) -> tuple[str, ...]:
    """Prefixes replaced by the types that begin so. Raises BadParameter for a type that does not exist."""
    found: list[str] = []
    for value in wanted:
        types = matching(value, [kind.value for kind in TransactionEventType])
        if not types:
            words = {"values": ", ".join(TransactionEventType)}
            expected = "%(values)s, ou un début comme PAYOUT_ ; « - » devant exclut"
            raise BadParameter("eventType", value, expected, words)
        found += types
    return tuple(dict.fromkeys(found))


def _currency(args: Arguments) -> str | None:
    given = one(args, "currency")
    if given is not None and not CURRENCY.fullmatch(given):
        raise BadParameter("currency", given, "un code de devise ISO, comme EUR")
    return given.upper() if given else None


def transaction_total(session: Session, search: TransactionSearch, *, exact: bool = False) -> Total:
    """How many rows pass: up to a cap, or all. Raises BadParameter after three seconds."""
    return row_total(session, TransactionLog.id, search, exact=exact)
