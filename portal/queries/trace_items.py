"""One row of a trace, from whichever book it comes, and the order in which rows stand."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from portal.models import LogActor, LogLevel, StripeEvent
from portal.models.currency import to_decimal
from portal.queries.log_entry import LogEntry
from portal.queries.transaction_entry import TransactionEntry, level_of

BOOKS = ("log", "transaction_log", "stripe")
SECOND = timedelta(milliseconds=999)


@dataclass(frozen=True, slots=True)
class TraceItem:
    """One row of a trace and the time since the row before; `book` is one of BOOKS.

    `created_at` is where the row stands. Stripe dates its events to the second: one stands at the end of its
    second, or when it was received if that was earlier; `stripe_at` and `received_at` say both.
    """

    book: str
    id: int | str
    type: str
    level: LogLevel
    created_at: datetime
    actor: LogActor
    actor_id: str | None
    message: str | None
    details: Mapping[str, Any]
    request_id: UUID
    status: str | None = None
    amount_minor: int | None = None
    currency: str | None = None
    stripe_at: datetime | None = None
    received_at: datetime | None = None
    gap: timedelta | None = None

    @property
    def amount(self) -> Decimal | None:
        """The decimal amount of a financial event."""
        if self.amount_minor is None or self.currency is None:
            return None
        return to_decimal(self.amount_minor, self.currency)


def in_order(items: Iterable[TraceItem]) -> list[TraceItem]:
    """The rows by time, each with the time since the row before."""
    ordered = sorted(items, key=lambda item: (item.created_at, BOOKS.index(item.book), item.id))
    after = itertools.pairwise(ordered)
    return ordered[:1] + [replace(item, gap=item.created_at - before.created_at) for before, item in after]


def of_log(row: LogEntry) -> TraceItem:
    """A row of the log."""
    return TraceItem(
        book="log",
        id=row.id,
        type=row.type,
        level=row.level,
        created_at=row.created_at,
        actor=row.actor,
        actor_id=row.actor_id,
        message=row.message,
        details=row.details,
        request_id=row.request_id,
    )


def of_transaction(row: TransactionEntry) -> TraceItem:
    """A financial event."""
    return TraceItem(
        book="transaction_log",
        id=row.id,
        type=row.event_type,
        level=row.level,
        created_at=row.created_at,
        actor=row.actor,
        actor_id=row.actor_id,
        message=row.error_message,
        details=row.details,
        request_id=row.request_id,
        status=row.status,
        amount_minor=row.amount_minor,
        currency=row.currency,
    )


def of_stripe(row: StripeEvent) -> TraceItem:
    """An event of Stripe's."""
    return TraceItem(
        book="stripe",
        id=row.id,
        type=row.type,
        level=level_of(row.type),
        created_at=min(row.stripe_created_at + SECOND, row.received_at),
        actor=LogActor.SYSTEM,
        actor_id=None,
        message=row.last_error,
        details={"objectId": row.object_id, "account": row.account, "tries": row.tries},
        request_id=row.request_id,
        status=row.state,
        stripe_at=row.stripe_created_at,
        received_at=row.received_at,
    )
