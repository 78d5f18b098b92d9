"""How the processing of an event ends: each end is one transaction with its audit rows."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal.audit.redaction import clean_text
from portal.audit.system_log import (
    error_facts,
    log_critical,
    log_info,
    log_warning,
    log_webhook_event,
)
from portal.models import InboxState, LogActor, StripeEvent
from portal.unit_of_work import unit_of_work
from portal.webhooks.claims import MOST_TRIES, Claim, pause_after

Facts = dict[str, Any]


def lock_event(session: Session, event_id: str) -> StripeEvent:
    """The event's row, locked and freshly read."""
    return session.get_one(StripeEvent, event_id, with_for_update=True, populate_existing=True)


def end(row: StripeEvent, state: InboxState, now: datetime) -> None:
    """Nothing is due any more."""
    row.state, row.processed_at, row.next_try_at, row.lease_until = state, now, None, None


def ignore(claim: Claim, facts: Facts, now: datetime) -> None:
    """Set an event aside that nothing here handles."""
    with unit_of_work() as session:
        row = lock_event(session, claim.id)
        if claim.is_held(row, now):
            end(row, InboxState.IGNORED, now)
            told = facts | {"reason": "no handler for this type"}
            log_info("WEBHOOK_IGNORED", LogActor.SYSTEM, None, None, told, session=session)


def set_aside(claim: Claim, facts: Facts, reason: str, now: datetime) -> None:
    """Set an event aside that is about another mode, account or business."""
    with unit_of_work() as session:
        row = lock_event(session, claim.id)
        if claim.is_held(row, now):
            end(row, InboxState.IGNORED, now)
            told = facts | {"reason": reason}
            log_warning("WEBHOOK_NOT_OURS", LogActor.SYSTEM, None, None, told, session=session)


def fail(claim: Claim, error: Exception, facts: Facts, now: datetime) -> None:
    """Keep the error and try again later; after the last try the event waits for an admin."""
    told = facts | error_facts(error) | {"tries": claim.tries}
    with unit_of_work() as session:
        row = lock_event(session, claim.id)
        if not claim.is_mine(row):
            return
        row.last_error = clean_text(f"{type(error).__name__}: {error}")
        row.last_stack = clean_text(str(told["errorStack"]))
        row.lease_until = None
        row.next_try_at = now + pause_after(claim.tries) if claim.tries < MOST_TRIES else None
        told |= {"nextTryAt": row.next_try_at}
        log_webhook_event("STRIPE", claim.type, False, told, session=session)
        if row.next_try_at is None:
            row.state = InboxState.DEAD
            log_critical("WEBHOOK_DEAD", LogActor.SYSTEM, None, None, told, session=session)
