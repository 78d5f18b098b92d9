"""The whole life of one thing: rows of both books and Stripe's events, oldest first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from portal.models import (
    Booking,
    CallOffer,
    Creator,
    Dispute,
    JobRun,
    Payment,
    Refund,
    StripeEvent,
    User,
)
from portal.queries.paging import Cursor
from portal.queries.payout_search import PayoutDetail, find_payout
from portal.queries.sale_steps import sale_steps
from portal.queries.step_order import checked
from portal.queries.trace_items import TraceItem as TraceItem
from portal.queries.trace_items import in_order
from portal.queries.trace_rows import MOST, About, TraceKind, book_rows, stripe_rows
from portal.queries.trace_steps import TraceFailure, TraceStep, failure_of, steps_of

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
STEPPED = (TraceKind.BOOKING, TraceKind.PAYMENT, TraceKind.REFUND, TraceKind.DISPUTE)
"""What has steps besides a payout; of other things it is asked whether they exist only where no row names them."""

STRIPE_NAMES = ("stripe_payment_intent_id", "stripe_refund_id", "stripe_dispute_id")


@dataclass(frozen=True, slots=True)
class Trace:
    """What is known of one thing, up to `most` rows a book; `older` is where the rest of a longer life begins.

    Steps, and why a payout stopped, are told with the newest rows only.
    """

    kind: TraceKind
    id: str
    items: Sequence[TraceItem]
    steps: Sequence[TraceStep]
    payout: PayoutDetail | None
    failure: TraceFailure | None
    older: Cursor | None
    most: int

    @property
    def lasted(self) -> timedelta | None:
        """From the first row shown to the last."""
        return self.items[-1].created_at - self.items[0].created_at if len(self.items) > 1 else None

    @property
    def longest(self) -> TraceItem | None:
        """The row that was waited for longest."""
        waited = [item for item in self.items if item.gap]
        return max(waited, key=lambda item: item.gap or timedelta(), default=None)


def trace_kind(word: str) -> TraceKind | None:
    """The kind that an address names: job_run and job-run are the same."""
    try:
        return TraceKind(word.replace("_", "-"))
    except ValueError:
        return None


def find_trace(
    session: Session, kind: TraceKind, given: str, *, now: datetime, cursor: Cursor | None = None, most: int = MOST
) -> Trace | None:
    """The trace of a thing, or None when neither it nor any row about it exists. Raises BadParameter when slow."""
    if len(given) > 200 or any(ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 for c in given):
        return None
    key = _uuid(given)
    if kind is TraceKind.REQUEST and key is None:
        return None
    row_id = str(key) if key and kind is not TraceKind.EVENT else given
    payout = find_payout(session, key) if kind is TraceKind.PAYOUT and key else None
    entity = payout or (_entity(session, kind, row_id, key) if kind in STEPPED else None)
    creator_id = str(payout.payout.creator_id) if payout else None
    about = About(kind, row_id, creator_id, cursor.at if cursor else None, most)
    items, older = _read(session, about, _stripe_objects(entity))
    if entity is None and not items and _entity(session, kind, row_id, key) is None:
        return None
    newest = cursor is None
    steps = _steps(session, payout, entity, items, now) if newest else []
    failure = failure_of(payout, items) if payout and newest else None
    return Trace(kind, row_id, items, steps, payout, failure, older, most)


def _steps(
    session: Session, payout: PayoutDetail | None, entity: Any, items: Sequence[TraceItem], now: datetime
) -> Sequence[TraceStep]:
    steps = steps_of(payout, items, now) if payout else sale_steps(session, entity, items, now)
    return checked(steps, items)


def _read(session: Session, about: About, objects: set[str]) -> tuple[list[TraceItem], Cursor | None]:
    """The rows of all three books in their order, none older than where the first of them is cut."""
    logs, money = book_rows(session, about)
    books = (logs, money, stripe_rows(session, _event_ids(about, (*logs, *money)), objects, about))
    end = max((rows[about.most].kept_at for rows in books if len(rows) > about.most), default=None)
    if end == max((row.created_at for row in (*logs, *money)), default=None):
        end = None  # more rows of one instant than fit: what does not is let go, or paging would never end
    items = in_order(row for rows in books for row in rows if end is None or row.kept_at > end)
    return items, Cursor(end, 0) if end else None


def _uuid(given: str) -> UUID | None:
    try:
        return UUID(given)
    except ValueError:
        return None


def _entity(session: Session, kind: TraceKind, row_id: str, key: UUID | None) -> Any:
    if kind is TraceKind.EVENT:
        return session.get(StripeEvent, row_id)
    return session.get(MODELS[kind], key) if key and kind in MODELS else None


def _event_ids(about: About, rows: Iterable[TraceItem]) -> set[str]:
    named = {row.event_id for row in rows if row.event_id}
    return named | {about.id} if about.kind is TraceKind.EVENT else named


def _stripe_objects(entity: Any) -> set[str]:
    """Stripe's ids of a thing; a payout has one for each attempt that Stripe took."""
    if isinstance(entity, PayoutDetail):
        tried = {attempt.stripe_payout_id for attempt in entity.payout.attempts}
        return {name for name in {entity.payout.stripe_payout_id, *tried} if name}
    return {getattr(entity, name) for name in STRIPE_NAMES if getattr(entity, name, None)}
