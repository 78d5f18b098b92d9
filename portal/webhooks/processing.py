"""Processing: one event a transaction, retried with back-off; its effects and its stamp commit together.

Any number of workers may process at once. Two events of one subject (a payout, a payment with its refunds
and disputes, an account) are never worked on at the same time: each reads the present state from Stripe
before it applies it, and of two that did so side by side the older reading could be applied last. A subject
is held up only while one of its events is being worked on, by a lease. An event that failed gives its lease
back and waits for its next try alone: later events of its subject, and everybody else's, go on, because every
event applies the present state, whichever comes first. After eight failures it is a dead letter.

A lease ends by itself, so a worker that died holds nobody up for long; one that was only slow finds that it
no longer holds the lease and applies nothing. An event whose workers die is tried no more often than one
that fails.
"""

import time

from sqlalchemy import or_, select

from portal.audit.actor import operation
from portal.audit.system_log import log_info, log_webhook_event
from portal.domain.gateway import StripeGateway
from portal.domain.work import Clock
from portal.models import Creator, InboxState, LogActor, Payout
from portal.unit_of_work import unit_of_work
from portal.webhooks.claims import BACK_OFF as BACK_OFF
from portal.webhooks.claims import LEASE, MOST_TRIES, Claim, claim
from portal.webhooks.event import Event
from portal.webhooks.handler import Handler, NotOurs
from portal.webhooks.handlers import HANDLERS
from portal.webhooks.outcomes import Facts, end, fail, ignore, lock_event, set_aside

CALLS = 3
"""Calls to Stripe that one event may take: a lease outlasts so many."""


class WorkerLost(Exception):
    """The workers that took this event all ended before it did."""


def process_due(gateway: StripeGateway, *, clock: Clock, limit: int = 200) -> int:
    """Process events that are due, oldest first; returns how many were taken."""
    lease = max(LEASE, CALLS * gateway.timeout)
    for taken in range(limit):
        claimed = claim(clock, lease)
        if claimed is None:
            return taken
        with operation(claimed.request_id):
            _process(gateway, claimed, clock)
    return limit


def _process(gateway: StripeGateway, claimed: Claim, clock: Clock) -> None:
    facts: Facts = {"eventId": claimed.id, "eventType": claimed.type, "objectType": claimed.object_type}
    try:
        event = _event(claimed)
        facts |= event.facts()
        _carry_out(gateway, claimed, event, facts, clock)
    except NotOurs as reason:
        set_aside(claimed, facts, str(reason), clock())
    except Exception as error:
        fail(claimed, error, facts, clock())


def _event(claimed: Claim) -> Event:
    """What to process; not what has already cost as many workers as an event may have tries."""
    if claimed.tries > MOST_TRIES:
        raise WorkerLost(f"{MOST_TRIES} workers ended while they processed this event")
    return claimed.event()


def _carry_out(gateway: StripeGateway, claimed: Claim, event: Event, facts: Facts, clock: Clock) -> None:
    _refuse_foreign(event, live=gateway.live)
    handler = HANDLERS.get(event.type)
    if handler is None:
        ignore(claimed, facts, clock())
        return
    started = time.monotonic()
    log_info("WEBHOOK_PROCESSING_STARTED", LogActor.SYSTEM, None, None, facts)
    seen = handler.read(gateway, event)
    _apply(claimed, event, handler, seen, facts, started, clock)


def _refuse_foreign(event: Event, *, live: bool) -> None:
    """Raise NotOurs for the other mode, and for an account that neither a creator nor a payout names."""
    if event.livemode is not live:
        raise NotOurs(f"livemode is {event.livemode}, the configured key's is {live}".lower())
    if event.account is None:
        return
    with unit_of_work() as session:
        creator = select(Creator.id).where(Creator.stripe_account_id == event.account).exists()
        payout = select(Payout.id).where(Payout.stripe_account_id == event.account).exists()
        known = session.scalar(select(or_(creator, payout)))
    if not known:
        raise NotOurs(f"no creator has the account {event.account}")


def _apply(
    claimed: Claim, event: Event, handler: Handler, seen: object, facts: Facts, started: float, clock: Clock
) -> None:
    with unit_of_work() as session:
        row, now = lock_event(session, event.id), clock()
        if not claimed.is_held(row, now):
            return
        handler.apply(session, event, seen, now)
        end(row, InboxState.PROCESSED, now)
        timing = {
            "processingTimeMs": round((time.monotonic() - started) * 1000),
            "totalTimeMs": round((now - row.received_at).total_seconds() * 1000),
        }
        log_webhook_event("STRIPE", event.type, True, facts | timing, session=session)
