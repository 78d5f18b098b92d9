"""The outbox of alerts: a message is claimed, sent outside any transaction, and settled; at least once.

A sender that dies after its target took the message leaves it due again: the copy has the same reference.
"""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.actor import SYSTEM
from portal.audit.system_log import log_error, log_system, log_warning
from portal.models import AlertMessage

LEASE = timedelta(minutes=2)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
MOST_TRIES = 12
"""About eight hours."""


def claim_message(session: Session, *, now: datetime) -> AlertMessage | None:
    """The message that is due for longest, counted as tried and nobody else's for two minutes; or None."""
    query = select(AlertMessage).where(AlertMessage.next_try_at <= now).order_by(AlertMessage.next_try_at)
    message = session.scalar(query.limit(1).with_for_update(skip_locked=True))
    if message is None:
        return None
    message.tries += 1
    message.next_try_at = now + LEASE
    return message


def settle_message(session: Session, claimed: AlertMessage, *, error: str | None, now: datetime) -> None:
    """Note that a claimed message was sent, or why not and when it is tried again."""
    message = session.get_one(AlertMessage, claimed.id, with_for_update=True, populate_existing=True)
    if message.sent_at is not None:
        return  # a slower sender than its lease: the other copy was settled first
    facts = {"reference": message.reference, "target": message.target, "tries": message.tries}
    message.last_error = error
    if error is None:
        message.sent_at, message.next_try_at = now, None
        log_system("ALERT_SENT", metadata=facts, session=session)
    elif message.tries >= MOST_TRIES:
        message.next_try_at = None
        log_error("ALERT_ABANDONED", SYSTEM.kind, None, None, facts | {"errorMessage": error}, session=session)
    else:
        message.next_try_at = now + pause_after(message.tries)
        log_warning("ALERT_SEND_FAILED", SYSTEM.kind, None, None, facts | {"errorMessage": error}, session=session)


def pause_after(tries: int) -> timedelta:
    """One minute, then twice as long each time, up to an hour."""
    doubled: timedelta = FIRST_PAUSE * (1 << min(tries - 1, 10))
    return min(doubled, LONGEST_PAUSE)
