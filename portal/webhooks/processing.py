"""Processing: one event a transaction, retried with back-off; its effects and its stamp commit together."""

import time
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from portal.audit.actor import operation
from portal.audit.system_log import error_facts, log_info, log_webhook_event
from portal.domain.gateway import StripeGateway
from portal.domain.work import Clock
from portal.models import InboxState, LogActor, StripeEvent
from portal.unit_of_work import unit_of_work
from portal.webhooks.event import Event, stored_event
from portal.webhooks.handler import Handler
from portal.webhooks.handlers import HANDLERS

LEASE = timedelta(minutes=1)
BACK_OFF = (
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
    timedelta(hours=12),
)


def process_due(gateway: StripeGateway, *, clock: Clock, limit: int = 200) -> int:
    """Process events that are due, oldest first; returns how many were taken."""
    for taken in range(limit):
        row = _claim(clock)
        if row is None:
            return taken
        with operation(row.request_id):
            _process(gateway, row, clock)
    return limit


def _claim(clock: Clock) -> StripeEvent | None:
    """The oldest due event, leased to this worker; others skip it."""
    now = clock()
    due = select(StripeEvent).where(StripeEvent.state == InboxState.RECEIVED, StripeEvent.next_try_at <= now)
    with unit_of_work() as session:
        row = session.scalar(due.order_by(StripeEvent.next_try_at).limit(1).with_for_update(skip_locked=True))
        if row is not None:
            row.lease_until = row.next_try_at = now + LEASE
            row.tries += 1
    return row


def _process(gateway: StripeGateway, row: StripeEvent, clock: Clock) -> None:
    started = time.monotonic()
    event = stored_event(row)
    facts = event.facts() | {"objectType": event.object_type}
    handler = HANDLERS.get(event.type)
    if handler is None:
        _ignore(event, facts, clock)
        return
    log_info("WEBHOOK_PROCESSING_STARTED", LogActor.SYSTEM, None, None, facts)
    try:
        _apply(gateway, event, handler, facts, started, clock)
    except Exception as error:
        _fail(event, error, facts, clock)


def _apply(
    gateway: StripeGateway,
    event: Event,
    handler: Handler,
    facts: dict[str, Any],
    started: float,
    clock: Clock,
) -> None:
    seen = handler.read(gateway, event)
    now = clock()
    with unit_of_work() as session:
        row = session.get_one(StripeEvent, event.id, with_for_update=True, populate_existing=True)
        if row.state is not InboxState.RECEIVED:
            return
        handler.apply(session, event, seen, now)
        row.state, row.processed_at, row.next_try_at, row.lease_until = InboxState.PROCESSED, now, None, None
        timing = {
            "processingTimeMs": round((time.monotonic() - started) * 1000),
            "totalTimeMs": round((now - row.received_at).total_seconds() * 1000),
        }
        log_webhook_event("STRIPE", event.type, True, facts | timing, session=session)


def _ignore(event: Event, facts: dict[str, Any], clock: Clock) -> None:
    with unit_of_work() as session:
        row = session.get_one(StripeEvent, event.id, with_for_update=True, populate_existing=True)
        row.state, row.processed_at, row.next_try_at = InboxState.IGNORED, clock(), None
        reason = facts | {"reason": "no handler for this type"}
        log_info("WEBHOOK_IGNORED", LogActor.SYSTEM, None, None, reason, session=session)


def _fail(event: Event, error: Exception, facts: dict[str, Any], clock: Clock) -> None:
    """Keep the error and try again later; after the last try the event waits for an admin."""
    with unit_of_work() as session:
        row = session.get_one(StripeEvent, event.id, with_for_update=True, populate_existing=True)
        row.last_error, row.lease_until = f"{type(error).__name__}: {error}", None
        if row.tries > len(BACK_OFF):
            row.state, row.next_try_at = InboxState.DEAD, None
        else:
            row.next_try_at = clock() + BACK_OFF[row.tries - 1]
        told = facts | error_facts(error) | {"tries": row.tries, "nextTryAt": row.next_try_at}
        log_webhook_event("STRIPE", event.type, False, told, session=session)
