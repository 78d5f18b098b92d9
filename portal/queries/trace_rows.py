"""Which rows of both books, and which of Stripe's events, are about one thing."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, false, or_, select
from sqlalchemy.orm import Session, defer

from portal.models import Log, StripeEvent, TransactionLog
from portal.queries import log_entry, transaction_entry
from portal.queries.log_entry import LogEntry
from portal.queries.transaction_entry import TransactionEntry

MOST = 500
"""Rows of one book that a trace shows, the newest ones."""


class TraceKind(StrEnum):
    """What a trace can be about."""

    PAYOUT = "payout"
    BOOKING = "booking"
    PAYMENT = "payment"
    REFUND = "refund"
    DISPUTE = "dispute"
    CREATOR = "creator"
    OFFER = "offer"
    USER = "user"
    JOB_RUN = "job-run"
    REQUEST = "request"
    EVENT = "event"


K = TraceKind
KEYS = {
    K.PAYOUT: "payoutId",
    K.BOOKING: "bookingId",
    K.PAYMENT: "paymentId",
    K.REFUND: "refundId",
    K.DISPUTE: "disputeId",
    K.CREATOR: "creatorId",
    K.OFFER: "offerId",
    K.USER: "userId",
    K.JOB_RUN: "runId",
    K.EVENT: "eventId",
}
"""The metadata key that names each kind; a request is a column."""

OWNERS = {
    K.PAYOUT: TransactionLog.payout_id,
    K.PAYMENT: TransactionLog.payment_id,
    K.REFUND: TransactionLog.refund_id,
    K.DISPUTE: TransactionLog.entity_id,
    K.EVENT: TransactionLog.stripe_event_id,
}
PEOPLE = (K.USER, K.CREATOR)
R = TypeVar("R", LogEntry, TransactionEntry)
LONGEST_REQUEST = timedelta(days=1)
"""No request, delivery or run of a job writes for longer."""


@dataclass(frozen=True, slots=True)
class About:
    """The rows of one thing, up to `until`, at most so many of a book.

    `creator_id` keeps out what a job's run did for other creators.
    """

    kind: TraceKind
    id: str
    creator_id: str | None = None
    until: datetime | None = None
    most: int = MOST


def book_rows(session: Session, about: About) -> tuple[Sequence[LogEntry], Sequence[TransactionEntry]]:
    """Rows that name the thing, and what their requests also wrote about it; newest first, one more than shown."""
    logs = [row for arm in _named_in_log(about) for row in _logs(session, about, arm)]
    money = _money(session, about, _named_in_transactions(about))
    named = [(row.request_id, row.created_at) for row in logs] + [
        (row.request_id, row.created_at) for row in money
    ]
    if named and about.kind is not K.REQUEST:
        requests, moments = {request for request, _ in named}, [at for _, at in named]
        near = (min(moments) - LONGEST_REQUEST, max(moments) + LONGEST_REQUEST)
        if about.kind not in PEOPLE:
            logs += _logs(session, about, *_companions(Log, requests, near), *_no_other(about))
        money += _money(session, about, *_companions(TransactionLog, requests, near), *_not_anothers(about))
    return _first(logs, about.most), _first(money, about.most)


def log_rows(session: Session, about: About) -> Sequence[LogEntry]:
    """The same of the log alone."""
    return book_rows(session, about)[0]


def _companions(
    book: Any, requests: Collection[UUID], near: tuple[datetime, datetime]
) -> list[ColumnElement[bool]]:
    """Rows of these requests; a request lasts a while and no longer, so that most partitions are left alone."""
    return [book.request_id.in_(requests), book.created_at.between(*near)]


def _logs(session: Session, about: About, *wanted: ColumnElement[bool]) -> list[LogEntry]:
    return [LogEntry(*row) for row in _newest(session, Log, log_entry.COLUMNS, about, wanted)]


def _money(session: Session, about: About, *wanted: ColumnElement[bool]) -> list[TransactionEntry]:
    rows = _newest(session, TransactionLog, transaction_entry.COLUMNS, about, wanted)
    return [TransactionEntry(*row) for row in rows]


def _newest(session: Session, book: Any, columns: Any, about: About, wanted: Sequence[ColumnElement[bool]]) -> Any:
    until = [] if about.until is None else [book.created_at <= about.until]
    query = select(*columns).where(*wanted, *until)
    return session.execute(query.order_by(book.created_at.desc(), book.id.desc()).limit(about.most + 1)).all()


def _first(rows: list[R], most: int) -> Sequence[R]:
    """Each row once, newest first."""
    once = {row.id: row for row in rows}.values()
    return sorted(once, key=lambda row: (row.created_at, row.id), reverse=True)[: most + 1]


def stripe_rows(
    session: Session, ids: Collection[str], objects: Collection[str], about: About
) -> Sequence[StripeEvent]:
    """Stripe's events that rows name, and those about one of Stripe's objects, without their bodies."""
    if not ids and not objects:
        return []
    wanted = or_(StripeEvent.id.in_(ids), StripeEvent.object_id.in_(objects))
    query = select(StripeEvent).options(defer(StripeEvent.payload)).where(wanted)
    if about.until is not None:
        query = query.where(StripeEvent.received_at <= about.until)
    return session.scalars(
        query.order_by(StripeEvent.received_at.desc(), StripeEvent.id.desc()).limit(about.most + 1)
    ).all()


def _named_in_log(about: About) -> list[ColumnElement[bool]]:
    """Conditions of which each has an index of its own; people are also named as actors."""
    kind, row_id = about.kind, about.id
    if kind is K.REQUEST:
        return [_is_request(Log.request_id, row_id)]
    named: ColumnElement[bool] = Log.details[KEYS[kind]].astext == row_id
    return [named, Log.actor_id == row_id] if kind in PEOPLE else [named]


def _named_in_transactions(about: About) -> ColumnElement[bool]:
    kind, row_id = about.kind, about.id
    if kind is K.REQUEST:
        return _is_request(TransactionLog.request_id, row_id)
    owner: Any = OWNERS.get(kind, TransactionLog.details[KEYS[kind]].astext)
    owned: ColumnElement[bool] = owner == row_id
    return owned


def _is_request(column: Any, row_id: str) -> ColumnElement[bool]:
    try:
        found: ColumnElement[bool] = column == UUID(row_id)
    except ValueError:
        return false()
    return found


def _no_other(about: About) -> list[ColumnElement[bool]]:
    """A job's run writes rows about many: those that name one of this kind are about it, or not about this one."""
    own: list[ColumnElement[bool]] = [Log.details[KEYS[about.kind]].astext.is_(None)]
    if about.creator_id is not None:
        creator = Log.details["creatorId"].astext
        own.append(or_(creator.is_(None), creator == about.creator_id))
    return own


def _not_anothers(about: About) -> list[ColumnElement[bool]]:
    if about.kind in PEOPLE:
        return [TransactionLog.actor_id == about.id]
    return [OWNERS[about.kind].is_(None)] if about.kind in OWNERS else []
