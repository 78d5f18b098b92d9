"""The statements of a trace, each made once a kind: what names a thing, what stands beside it, what Stripe says.

A trace asks for a thing in few trips: both books in one statement, and one more for what the same requests wrote.
"""

from collections.abc import Sequence
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    any_,
    bindparam,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text, Uuid

from portal.models import Log, StripeEvent, TransactionLog
from portal.queries.log_entry import named_by


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
LOG: Any = Log.__table__.c
MONEY: Any = TransactionLog.__table__.c
INBOX: Any = StripeEvent.__table__.c

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
    K.PAYOUT: MONEY.payout_id,
    K.PAYMENT: MONEY.payment_id,
    K.REFUND: MONEY.refund_id,
    K.DISPUTE: MONEY.entity_id,
    K.EVENT: MONEY.stripe_event_id,
    K.REQUEST: MONEY.request_id,
}
PEOPLE = (K.USER, K.CREATOR)


LOG_COLUMNS = (
    literal("log").label("book"),
    *(
        LOG[name]
        for name in ("id", "type", "created_at", "actor", "actor_id", "message", "metadata", "request_id")
    ),
    LOG.level,
    named_by(LOG["metadata"], "eventId").label("event_id"),
    *(cast(null(), MONEY[name].type).label(name) for name in ("status", "amount_minor", "currency")),
)
MONEY_COLUMNS = (
    literal("transaction_log"),
    MONEY.id,
    cast(MONEY.event_type, Text),
    *(MONEY[name] for name in ("created_at", "actor", "actor_id", "error_message", "metadata", "request_id")),
    cast(null(), LOG.level.type),
    *(MONEY[name] for name in ("stripe_event_id", "status", "amount_minor", "currency")),
)
"""What a TraceItem takes of each book, in its order."""

INBOX_COLUMNS = tuple(
    INBOX[name]
    for name in (
        "id", "type", "request_id", "state", "last_error", "object_id", "account", "tries",
        "stripe_created_at", "received_at",
    )
)  # fmt: skip


@cache
def naming(kind: TraceKind, *, bounded: bool) -> Any:
    """Rows of both books that name a thing, each condition by its own index; people are also named as actors."""
    columns = [LOG.request_id] if kind is K.REQUEST else [named_by(LOG["metadata"], KEYS[kind])]
    if kind in PEOPLE:
        columns.append(LOG.actor_id)
    owner = OWNERS[kind] if kind in OWNERS else named_by(MONEY["metadata"], KEYS[kind])
    arms = [_newest(LOG, LOG_COLUMNS, column == bindparam("id"), *_up_to(LOG, bounded)) for column in columns]
    money = _newest(MONEY, MONEY_COLUMNS, owner == bindparam("id"), *_up_to(MONEY, bounded))
    return union_all(*arms, money).execution_options(kept_plan=True)


@cache
def beside(kind: TraceKind) -> Any:
    """What the requests of those rows also wrote, about nothing else of this kind."""
    money = _newest(MONEY, MONEY_COLUMNS, *_of_requests(MONEY), *_not_anothers(kind))
    if kind in PEOPLE:
        return money
    return union_all(_newest(LOG, LOG_COLUMNS, *_of_requests(LOG), *_no_other(kind)), money)


@cache
def stripe(*, bounded: bool) -> Any:
    """Stripe's events that rows name, and those about one of Stripe's objects, without their bodies."""
    named = INBOX.id == any_(bindparam("ids", type_=ARRAY(Text)))
    about = INBOX.object_id == any_(bindparam("objects", type_=ARRAY(Text)))
    bound = [INBOX.received_at <= bindparam("until")] if bounded else []
    query = select(*INBOX_COLUMNS).where(or_(named, about), *bound)
    return query.order_by(INBOX.received_at.desc(), INBOX.id.desc()).limit(bindparam("most"))


def _newest(book: Any, columns: Sequence[Any], *wanted: ColumnElement[bool]) -> Any:
    query = select(*columns).where(*wanted)
    return query.order_by(book.created_at.desc(), book.id.desc()).limit(bindparam("most"))


def _up_to(book: Any, bounded: bool) -> list[ColumnElement[bool]]:
    """A bound only where there is one: one that holds nothing back takes as long to plan as another index."""
    return [book.created_at <= bindparam("until")] if bounded else []


def _of_requests(book: Any) -> list[ColumnElement[bool]]:
    """A request lasts a while and no longer, so that most partitions are left alone."""
    requests = book.request_id == any_(bindparam("requests", type_=ARRAY(Uuid)))
    return [requests, book.created_at.between(bindparam("since"), bindparam("until"))]


def _no_other(kind: TraceKind) -> list[ColumnElement[bool]]:
    """A job's run writes rows about many: those that name one of this kind are about it, or not about this one."""
    own: list[ColumnElement[bool]] = [named_by(LOG["metadata"], KEYS[kind]).is_(None)]
    if kind is K.PAYOUT:
        creator = named_by(LOG["metadata"], "creatorId")
        own.append(or_(creator.is_(None), creator == func.coalesce(bindparam("creator", type_=Text), creator)))
    return own


def _not_anothers(kind: TraceKind) -> list[ColumnElement[bool]]:
    if kind in PEOPLE:
        return [MONEY.actor_id == bindparam("id")]
    return [OWNERS[kind].is_(None)] if kind in OWNERS else []
