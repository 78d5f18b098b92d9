"""Whose turn it is: one due event leased to one worker, and no other event of its subject beside it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import Session, aliased

from portal.domain.work import Clock
from portal.models import InboxState, StripeEvent
from portal.unit_of_work import unit_of_work
from portal.webhooks.event import Event, event_from

LEASE = timedelta(minutes=1)
"""How long a worker has at least; one that died holds its subject up no longer than this."""

MARGIN = timedelta(seconds=2)
"""What must be left of a lease for its effects to be committed within it."""

BACK_OFF = (
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
    timedelta(hours=12),
)
"""The pauses after the first seven failures; the eighth is the last."""

MOST_TRIES = len(BACK_OFF) + 1
PASSED_OVER = 20
SUBJECTS_LOCK = 0x57EB
"""Sets these advisory locks apart from those of others."""


@dataclass(frozen=True, slots=True)
class Claim:
    """An event that is this worker's until its lease ends; who takes it later has a lease of their own."""

    id: str
    type: str
    object_type: str | None
    request_id: UUID
    payload: bytes
    tries: int
    lease_until: datetime

    def event(self) -> Event:
        """The event in the stored body. Raises NotAnEvent, ValueError."""
        return event_from(json.loads(self.payload))

    def is_mine(self, row: StripeEvent) -> bool:
        """Whether the locked row is as this worker took it: not taken by another, not decided by an admin."""
        return row.state is InboxState.RECEIVED and row.lease_until == self.lease_until

    def is_held(self, row: StripeEvent, now: datetime) -> bool:
        """Whether it is, and will be long enough to commit what was found."""
        return self.is_mine(row) and self.lease_until - now > MARGIN


def pause_after(tries: int) -> timedelta:
    """How long to wait after a failed try."""
    return BACK_OFF[min(tries, len(BACK_OFF)) - 1]


def claim(clock: Clock, lease: timedelta) -> Claim | None:
    """The oldest due event of a subject that nobody works on, or None."""
    passed: list[str] = []
    while len(passed) < PASSED_OVER:
        with unit_of_work() as session:
            now = clock()
            row = session.scalar(_due(now, passed))
            if row is None:
                return None
            if _is_alone(session, row, now):
                return _lease(row, now, lease)
            passed.append(row.subject)
    return None


def _due(now: datetime, passed: Sequence[str]) -> Select[StripeEvent]:
    due = (StripeEvent.state == InboxState.RECEIVED, StripeEvent.next_try_at <= now)
    free = (~_leased(StripeEvent.subject, StripeEvent.id, now), StripeEvent.subject.not_in(passed))
    query = select(StripeEvent).where(*due, *free)
    return query.order_by(StripeEvent.next_try_at).limit(1).with_for_update(skip_locked=True, of=StripeEvent)


def _is_alone(session: Session, row: StripeEvent, now: datetime) -> bool:
    """Whether no other worker has, or is just taking, an event of the same subject.

    The lock is this transaction's: two that claim at once see each other by it, and who comes after the
    commit sees the lease.
    """
    lock = func.pg_try_advisory_xact_lock(func.hashtextextended(row.subject, SUBJECTS_LOCK))
    if not session.scalar(select(lock)):
        return False
    return not session.scalar(select(_leased(row.subject, row.id, now)))


def _leased(subject: object, event_id: object, now: datetime) -> ColumnElement[bool]:
    other = aliased(StripeEvent)
    held = (other.state == InboxState.RECEIVED, other.lease_until > now)
    return exists().where(other.subject == subject, other.id != event_id, *held)


def _lease(row: StripeEvent, now: datetime, lease: timedelta) -> Claim:
    """Should this worker die, the next try comes when the lease is over and the usual pause is, too."""
    row.tries += 1
    row.lease_until = until = now + lease
    row.next_try_at = now + max(lease, pause_after(row.tries))
    return Claim(row.id, row.type, row.object_type, row.request_id, row.payload, row.tries, until)
