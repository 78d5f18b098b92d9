"""One event of the inbox as its page shows it: how it stands, its body without secrets, what was said of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.redaction import redacted
from portal.models import InboxState as InboxState
from portal.models import StripeEvent as StripeEvent
from portal.models import User
from portal.queries.trace_items import TraceItem
from portal.queries.trace_rows import About, TraceKind, log_rows

ROWS_SHOWN = 50
LONGEST_ID = 80


@dataclass(frozen=True, slots=True)
class WebhookEntry:
    """One event, who decided on it last, and its newest rows of the log, oldest first."""

    event: StripeEvent
    decided_by: str | None
    rows: Sequence[TraceItem]


def find_webhook(session: Session, event_id: str) -> WebhookEntry | None:
    """The event of an address, freshly read, with what was said of it."""
    event = find_event(session, event_id)
    if event is None:
        return None
    rows = log_rows(session, About(TraceKind.EVENT, event.id))
    oldest_first = sorted(rows, key=lambda row: (row.created_at, row.id))
    return WebhookEntry(event, decider_of(session, event), oldest_first[-ROWS_SHOWN:])


def find_event(session: Session, event_id: str) -> StripeEvent | None:
    """The event of an address, or None when there is none."""
    if not event_id.isprintable() or len(event_id) > LONGEST_ID:
        return None
    return session.get(StripeEvent, event_id, populate_existing=True)


def decider_of(session: Session, event: StripeEvent) -> str | None:
    """The name of the admin who sent an event round again or dismissed it last."""
    return session.scalar(select(User.name).where(User.id == event.decided_by)) if event.decided_by else None


def shown_body(payload: bytes) -> str:
    """The body as JSON for people, secrets and card numbers left out."""
    try:
        content = json.loads(payload)
    except (ValueError, RecursionError):
        return str(redacted(payload.decode("utf-8", "replace")))
    return json.dumps(redacted(content), ensure_ascii=False, indent=2)
