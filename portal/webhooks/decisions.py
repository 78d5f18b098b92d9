"""What an admin decides of an event: send it round again, or dismiss it with a note."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal.audit.actor import Actor
from portal.audit.system_log import log_admin_action
from portal.domain.errors import DomainError
from portal.domain.reason import REASON_LENGTHS, REASON_WANTED, clean_reason, is_reason
from portal.models import InboxState, StripeEvent
from portal.webhooks.outcomes import lock_event

FINISHED = "Cet événement est déjà traité : il n’y a rien à décider."
IN_HAND = "Un traitement de cet événement est en cours : attendez qu’il se termine."
NOT_YET_TRIED = "Cet événement attend son premier traitement, qui a lieu dans les secondes qui suivent."
CHANGED = "L’état de cet événement a changé depuis l’ouverture de la page."


class EventRefused(DomainError):
    """An event that cannot be sent round again, or dismissed, as it stands now."""


def retry_event(
    session: Session, *, event_id: str, seen: InboxState | None, actor: Actor, now: datetime
) -> StripeEvent:
    """Process an event again at once, with all its tries before it. `seen` is the state that was shown.

    Raises EventRefused for one that is processed or being processed, or that changed since.
    """
    event = "WEBHOOK_RETRY_REQUESTED"
    row = lock_event(session, event_id)
    _refuse_changed(row, seen, event, now)
    log_admin_action(event, actor.id, metadata=_facts(row, actor), session=session)
    row.state, row.next_try_at, row.tries = InboxState.RECEIVED, now, 0
    row.processed_at = row.lease_until = row.note = None
    row.decided_by, row.decided_at = actor.user_id, now
    return row


def dismiss_event(
    session: Session, *, event_id: str, seen: InboxState | None, note: str, actor: Actor, now: datetime
) -> StripeEvent:
    """Give up an event that fails, and say why; it can still be sent round again. Raises EventRefused."""
    event = "WEBHOOK_DISMISSED"
    note = clean_reason(note)
    if not is_reason(note):
        raise EventRefused(REASON_WANTED, event=event, status=422, words=REASON_LENGTHS)
    row = lock_event(session, event_id)
    _refuse_changed(row, seen, event, now)
    if not is_dismissible(row, now):
        raise EventRefused(CHANGED, event=event)
    log_admin_action(event, actor.id, metadata=_facts(row, actor) | {"reason": note}, session=session)
    row.state, row.note, row.next_try_at, row.lease_until = InboxState.DISMISSED, note, None, None
    row.decided_by, row.decided_at = actor.user_id, now
    return row


def is_retriable(row: StripeEvent, now: datetime) -> bool:
    """Whether an admin may send the event round again."""
    return _obstacle(row, now) is None


def is_dismissible(row: StripeEvent, now: datetime) -> bool:
    """Whether an admin may dismiss the event: only what fails."""
    return row.state in {InboxState.DEAD, InboxState.RECEIVED} and _obstacle(row, now) is None


def _obstacle(row: StripeEvent, now: datetime) -> str | None:
    if row.state is InboxState.PROCESSED:
        return FINISHED
    if row.state is InboxState.RECEIVED and row.lease_until is not None and row.lease_until > now:
        return IN_HAND
    return NOT_YET_TRIED if row.state is InboxState.RECEIVED and row.tries == 0 else None


def _refuse_changed(row: StripeEvent, seen: InboxState | None, event: str, now: datetime) -> None:
    """What was decided on another state was not decided on this one."""
    obstacle = _obstacle(row, now)
    if seen is not None and row.state is not seen:
        obstacle = CHANGED
    if obstacle is not None:
        raise EventRefused(obstacle, event=event, facts={"eventId": row.id, "state": row.state})


def _facts(row: StripeEvent, actor: Actor) -> dict[str, Any]:
    return {
        "adminId": actor.id,
        "eventId": row.id,
        "eventType": row.type,
        "previousState": row.state,
        "tries": row.tries,
        "lastError": row.last_error,
    }
