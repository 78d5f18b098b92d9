"""One row of a trace, from whichever book it comes, and the order in which rows stand."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from portal.models import LogActor, LogLevel
from portal.models.currency import to_decimal
from portal.queries.transaction_entry import level_of

BOOKS = ("log", "transaction_log", "stripe")
SECOND = timedelta(milliseconds=999)


@dataclass(slots=True)
class TraceItem:
    """One row of a trace and the time since the row before; `book` is one of BOOKS.

    `created_at` is where the row stands. Stripe dates its events to the second: one stands at the end of its
    second, or when it was received if that was earlier; `stripe_at` and `received_at` say both. `event_id` is
    the event of Stripe's that a row names; `gap` is known once the rows stand in their order.
    """

    book: str
    id: int | str
    type: str
    created_at: datetime
    actor: LogActor
    actor_id: str | None
    message: str | None
    details: Mapping[str, Any]
    request_id: UUID
    written_level: LogLevel | None
    event_id: str | None
    status: str | None
    amount_minor: int | None = None
    currency: str | None = None
    stripe_at: datetime | None = None
    received_at: datetime | None = None
    gap: timedelta | None = None

    @property
    def level(self) -> LogLevel:
        """How serious the row is; where no book says, by its type."""
        return self.written_level or level_of(self.type)

    @property
    def kept_at(self) -> datetime:
        """When the row came into its book."""
        return self.received_at or self.created_at

    @property
    def amount(self) -> Decimal | None:
        """The decimal amount of a financial event."""
        if self.amount_minor is None or self.currency is None:
            return None
        return to_decimal(self.amount_minor, self.currency)


def in_order(items: Iterable[TraceItem]) -> list[TraceItem]:
    """The rows by time, each with the time since the row before."""
    ordered = sorted(items, key=lambda item: (item.created_at, BOOKS.index(item.book), item.id))
    for before, item in itertools.pairwise(ordered):
        item.gap = item.created_at - before.created_at
    return ordered


def of_stripe(row: Any) -> TraceItem:
    """An event of Stripe's."""
    return TraceItem(
        book="stripe",
        id=row.id,
        type=row.type,
        created_at=min(row.stripe_created_at + SECOND, row.received_at),
        actor=LogActor.SYSTEM,
        actor_id=None,
        message=row.last_error,
        details={"objectId": row.object_id, "account": row.account, "tries": row.tries},
        request_id=row.request_id,
        written_level=None,
        event_id=row.id,
        status=row.state,
        stripe_at=row.stripe_created_at,
        received_at=row.received_at,
    )
