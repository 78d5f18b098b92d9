"""Which rows of both books, and which of Stripe's events, are about one thing."""

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, false, func, or_, select
from sqlalchemy.orm import Session

from portal.models import Log, StripeEvent, TransactionLog
from portal.queries import log_entry, transaction_entry
from portal.queries.log_entry import LogEntry
from portal.queries.paging import read_within
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


def log_rows(
    session: Session, kind: TraceKind, row_id: str, requests: Collection[UUID], creator_id: str | None
) -> Sequence[LogEntry]:
    """Rows that name the thing; with `requests` also their companions that name no other thing."""
    wanted = [_named_in_log(kind, row_id)]
    if requests and kind not in (*PEOPLE, K.REQUEST):
        wanted.append(and_(Log.request_id.in_(requests), *_no_other(kind, row_id, creator_id)))
    query = select(*log_entry.COLUMNS).where(or_(*wanted))
    rows = _newest(session, query, Log)
    return [LogEntry(*row) for row in rows]


def transaction_rows(
    session: Session, kind: TraceKind, row_id: str, requests: Collection[UUID]
) -> Sequence[TransactionEntry]:
    """Financial events that name the thing; with `requests` also their companions that name no other."""
    wanted = [_named_in_transactions(kind, row_id)]
    if requests:
        wanted.append(and_(TransactionLog.request_id.in_(requests), *_not_anothers(kind, row_id)))
    query = select(*transaction_entry.COLUMNS).where(or_(*wanted))
    rows = _newest(session, query, TransactionLog)
    return [TransactionEntry(*row) for row in rows]


def stripe_rows(session: Session, ids: Collection[str], objects: Collection[str]) -> Sequence[StripeEvent]:
    """Stripe's events that rows name, and those about one of Stripe's objects."""
    if not ids and not objects:
        return []
    about = or_(StripeEvent.id.in_(ids), StripeEvent.object_id.in_(objects))
    query = select(StripeEvent).where(about).order_by(StripeEvent.received_at.desc(), StripeEvent.id.desc())
    return session.scalars(query.limit(MOST)).all()


def _newest(session: Session, query: Any, book: Any) -> Sequence[Any]:
    ordered = query.order_by(book.created_at.desc(), book.id.desc()).limit(MOST)
    return read_within(session, ordered, blame=("id", ""))


def _named_in_log(kind: TraceKind, row_id: str) -> ColumnElement[bool]:
    if kind is K.REQUEST:
        return _is_request(Log.request_id, row_id)
    if kind is K.USER:
        return or_(Log.actor_id == row_id, _mentions(Log, "userId", row_id))
    named: ColumnElement[bool] = Log.details[KEYS[kind]].astext == row_id
    return or_(named, Log.actor_id == row_id) if kind is K.CREATOR else named


def _named_in_transactions(kind: TraceKind, row_id: str) -> ColumnElement[bool]:
    if kind is K.REQUEST:
        return _is_request(TransactionLog.request_id, row_id)
    if kind in OWNERS:
        owned: ColumnElement[bool] = OWNERS[kind] == row_id
        return owned
    return _mentions(TransactionLog, KEYS[kind], row_id)


def _is_request(column: Any, row_id: str) -> ColumnElement[bool]:
    try:
        found: ColumnElement[bool] = column == UUID(row_id)
    except ValueError:
        return false()
    return found


def _mentions(book: Any, key: str, row_id: str) -> ColumnElement[bool]:
    """A key without an index of its own: the text index finds the candidates."""
    candidates = book.search.contains(func.lower(row_id), autoescape=False)
    return and_(candidates, book.details[key].astext == row_id)


def _no_other(kind: TraceKind, row_id: str, creator_id: str | None) -> list[ColumnElement[bool]]:
    """A job's run writes rows about many: those that name another one of this kind are not about this one."""
    own = [_absent_or(Log.details[KEYS[kind]].astext, row_id)]
    if creator_id is not None:
        own.append(_absent_or(Log.details["creatorId"].astext, creator_id))
    return own


def _not_anothers(kind: TraceKind, row_id: str) -> list[ColumnElement[bool]]:
    if kind in PEOPLE:
        return [TransactionLog.actor_id == row_id]
    return [_absent_or(OWNERS[kind], row_id)] if kind in OWNERS else []


def _absent_or(value: Any, wanted: str) -> ColumnElement[bool]:
    return or_(value.is_(None), value == wanted)
