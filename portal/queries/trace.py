"""The whole life of one thing: rows of both books and Stripe's events, oldest first."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from portal.models import (
    Booking,
    CallOffer,
    Creator,
    Dispute,
    JobRun,
    LogActor,
    LogLevel,
    Payment,
    Refund,
    StripeEvent,
    User,
)
from portal.models.currency import to_decimal
from portal.queries.log_entry import LogEntry
from portal.queries.payout_search import PayoutDetail, find_payout
from portal.queries.sale_steps import sale_steps
from portal.queries.trace_rows import MOST, TraceKind, log_rows, stripe_rows, transaction_rows
from portal.queries.trace_steps import TraceFailure, TraceStep, failure_of, steps_of
from portal.queries.transaction_entry import TransactionEntry, level_of

BOOKS = ("log", "transaction_log", "stripe")
MODELS: Mapping[TraceKind, Any] = {
    TraceKind.BOOKING: Booking,
    TraceKind.PAYMENT: Payment,
    TraceKind.REFUND: Refund,
    TraceKind.DISPUTE: Dispute,
    TraceKind.CREATOR: Creator,
    TraceKind.OFFER: CallOffer,
    TraceKind.USER: User,
    TraceKind.JOB_RUN: JobRun,
}
STRIPE_NAMES = ("stripe_payment_intent_id", "stripe_refund_id", "stripe_dispute_id")
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


@dataclass(frozen=True, slots=True)
class Trace:
    """What is known of one thing; `is_cut` when a book holds more rows than a trace shows."""

    kind: TraceKind
    id: str
    items: Sequence[TraceItem]
    steps: Sequence[TraceStep]
    payout: PayoutDetail | None
    failure: TraceFailure | None
    is_cut: bool


def trace_kind(word: str) -> TraceKind | None:
    """The kind that an address names: job_run and job-run are the same."""
    try:
        return TraceKind(word.replace("_", "-"))
    except ValueError:
        return None


def find_trace(session: Session, kind: TraceKind, given: str, *, now: datetime) -> Trace | None:
    """The trace of a thing, or None when neither it nor any row about it exists."""
    if len(given) > 200 or any(ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 for c in given):
        return None
    key = _uuid(given)
    row_id = str(key) if key and kind is not TraceKind.EVENT else given
    payout = find_payout(session, key) if kind is TraceKind.PAYOUT and key else None
    entity = payout or _entity(session, kind, row_id, key)
    logs, transactions = _rows(session, kind, row_id, payout)
    events = stripe_rows(session, _event_ids(kind, row_id, logs, transactions), _stripe_objects(entity))
    items = _in_order([*map(_of_log, logs), *map(_of_transaction, transactions), *map(_of_stripe, events)])
    if entity is None and not items:
        return None
    steps = steps_of(payout, items, now) if payout else sale_steps(session, entity, items, now)
    failure = failure_of(payout, items) if payout else None
    is_cut = MOST in {len(logs), len(transactions), len(events)}
    return Trace(kind, row_id, items, steps, payout, failure, is_cut)


def _rows(
    session: Session, kind: TraceKind, row_id: str, payout: PayoutDetail | None
) -> tuple[Sequence[LogEntry], Sequence[TransactionEntry]]:
    """Rows that name the thing, then once more with what their requests also wrote about it."""
    creator_id = str(payout.payout.creator_id) if payout else None
    first = log_rows(session, kind, row_id, (), creator_id)
    money = transaction_rows(session, kind, row_id, ())
    requests = {row.request_id for row in first} | {row.request_id for row in money}
    if not requests or kind is TraceKind.REQUEST:
        return first, money
    return log_rows(session, kind, row_id, requests, creator_id), transaction_rows(session, kind, row_id, requests)


def _uuid(given: str) -> UUID | None:
    try:
        return UUID(given)
    except ValueError:
        return None


def _entity(session: Session, kind: TraceKind, row_id: str, key: UUID | None) -> Any:
    if kind is TraceKind.EVENT:
        return session.get(StripeEvent, row_id)
    return session.get(MODELS[kind], key) if key and kind in MODELS else None


def _event_ids(
    kind: TraceKind, row_id: str, logs: Iterable[LogEntry], transactions: Iterable[TransactionEntry]
) -> set[str]:
    named = {str(row.details["eventId"]) for row in logs if row.details.get("eventId")}
    named |= {row.stripe_event_id for row in transactions if row.stripe_event_id}
    return named | {row_id} if kind is TraceKind.EVENT else named


def _stripe_objects(entity: Any) -> set[str]:
    """Stripe's ids of a thing; a payout has one for each attempt that Stripe took."""
    if isinstance(entity, PayoutDetail):
        tried = {attempt.stripe_payout_id for attempt in entity.payout.attempts}
        return {name for name in {entity.payout.stripe_payout_id, *tried} if name}
    return {getattr(entity, name) for name in STRIPE_NAMES if getattr(entity, name, None)}


def _in_order(items: Iterable[TraceItem]) -> list[TraceItem]:
    ordered = sorted(items, key=lambda item: (item.created_at, BOOKS.index(item.book), item.id))
    after = itertools.pairwise(ordered)
    return ordered[:1] + [replace(item, gap=item.created_at - before.created_at) for before, item in after]


def _of_log(row: LogEntry) -> TraceItem:
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


def _of_transaction(row: TransactionEntry) -> TraceItem:
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


def _of_stripe(row: StripeEvent) -> TraceItem:
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
