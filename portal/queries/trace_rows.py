"""Which rows of both books, and which of Stripe's events, are about one thing."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, false, func, or_, select, union
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


@dataclass(frozen=True, slots=True)
class About:
    """The rows of one thing, up to `until`; `creator_id` keeps out what a job's run did for other creators."""

    kind: TraceKind
    id: str
    creator_id: str | None = None
    until: datetime | None = None


def requests_of(session: Session, about: About) -> set[UUID]:
    """The requests, runs and deliveries whose rows name the thing, in either book."""
    if about.kind is K.REQUEST:
        return set()
    named: list[tuple[Any, Any]] = [(Log, arm) for arm in _named_in_log(about)]
    named.append((TransactionLog, _named_in_transactions(about)))
    queries = [_newest(select(book.request_id), book, arm, about).subquery() for book, arm in named]
    return set(session.scalars(union(*(select(found.c.request_id) for found in queries))))


def log_rows(session: Session, about: About, requests: Collection[UUID]) -> Sequence[LogEntry]:
    """The newest rows that name the thing, and those of `requests` that name no other one; one more than shown."""
    arms = _named_in_log(about)
    if requests and about.kind not in (*PEOPLE, K.REQUEST):
        arms.append(and_(Log.request_id.in_(requests), *_no_other(about)))
    return [LogEntry(*row) for row in _rows(session, Log, log_entry.COLUMNS, arms, about)]


def transaction_rows(session: Session, about: About, requests: Collection[UUID]) -> Sequence[TransactionEntry]:
    """The same of the book of money."""
    arms = [_named_in_transactions(about)]
    if requests:
        arms.append(and_(TransactionLog.request_id.in_(requests), *_not_anothers(about)))
    rows = _rows(session, TransactionLog, transaction_entry.COLUMNS, arms, about)
    return [TransactionEntry(*row) for row in rows]


def _rows(session: Session, book: Any, columns: Any, arms: Sequence[ColumnElement[bool]], about: About) -> Any:
    """Each arm by its own index, newest first; a row that two arms find stands there once."""
    found = [_newest(select(book.id, book.created_at), book, arm, about).subquery() for arm in arms]
    keys = union(*(select(arm.c.id, arm.c.created_at) for arm in found)).subquery("found")
    query = select(*columns).join(keys, and_(book.id == keys.c.id, book.created_at == keys.c.created_at))
    return session.execute(query.order_by(book.created_at.desc(), book.id.desc()).limit(MOST + 1)).all()


def _newest(query: Any, book: Any, wanted: ColumnElement[bool], about: About) -> Any:
    bounded = query.where(wanted) if about.until is None else query.where(wanted, book.created_at <= about.until)
    return bounded.order_by(book.created_at.desc(), book.id.desc()).limit(MOST + 1)


def stripe_rows(
    session: Session, ids: Collection[str], objects: Collection[str], until: datetime | None
) -> Sequence[StripeEvent]:
    """Stripe's events that rows name, and those about one of Stripe's objects, without their bodies."""
    if not ids and not objects:
        return []
    about = or_(StripeEvent.id.in_(ids), StripeEvent.object_id.in_(objects))
    query = select(StripeEvent).options(defer(StripeEvent.payload)).where(about)
    if until is not None:
        query = query.where(StripeEvent.received_at <= until)
    return session.scalars(
        query.order_by(StripeEvent.received_at.desc(), StripeEvent.id.desc()).limit(MOST + 1)
    ).all()


def _named_in_log(about: About) -> list[ColumnElement[bool]]:
    """Conditions of which each has an index of its own; people are also named as actors."""
    kind, row_id = about.kind, about.id
    if kind is K.REQUEST:
        return [_is_request(Log.request_id, row_id)]
    if kind is K.USER:
        return [_mentions(Log, "userId", row_id), Log.actor_id == row_id]
    named: ColumnElement[bool] = Log.details[KEYS[kind]].astext == row_id
    return [named, Log.actor_id == row_id] if kind is K.CREATOR else [named]


def _named_in_transactions(about: About) -> ColumnElement[bool]:
    kind, row_id = about.kind, about.id
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


def _no_other(about: About) -> list[ColumnElement[bool]]:
    """A job's run writes rows about many: those that name another one of this kind are not about this one."""
    own = [_absent_or(Log.details[KEYS[about.kind]].astext, about.id)]
    if about.creator_id is not None:
        own.append(_absent_or(Log.details["creatorId"].astext, about.creator_id))
    return own


def _not_anothers(about: About) -> list[ColumnElement[bool]]:
    if about.kind in PEOPLE:
        return [TransactionLog.actor_id == about.id]
    return [_absent_or(OWNERS[about.kind], about.id)] if about.kind in OWNERS else []


def _absent_or(value: Any, wanted: str) -> ColumnElement[bool]:
    return or_(value.is_(None), value == wanted)
