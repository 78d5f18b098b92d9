"""How long rows of the log are kept, and deleting those that are due, a batch at a time.

The database decides what may go (migrations/versions/0005_retention.py): nothing here deletes by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from portal.models import LogLevel

POLICY: Mapping[LogLevel, int] = {LogLevel.INFO: 30, LogLevel.WARNING: 60, LogLevel.ERROR: 90}
"""Days at each level; CRITICAL is kept for ever."""
BATCH = 5_000


class Space(StrEnum):
    """What became of the disk of an old week."""

    DROPPED = "dropped"
    REWRITTEN = "rewritten"
    KEPT = "kept"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long a level is kept: by the policy, as set, and the least that the database allows."""

    level: LogLevel
    policy_days: int
    set_days: int
    floor_days: int

    @property
    def days(self) -> int:
        """How long it is really kept."""
        return max(self.set_days, self.floor_days)

    @property
    def is_shorter(self) -> bool:
        """Whether rows go before the policy's time."""
        return self.days < self.policy_days

    @property
    def is_longer(self) -> bool:
        """Whether rows stay after the policy's time."""
        return self.days > self.policy_days

    def cutoff(self, now: datetime) -> datetime:
        """Rows before this moment are due: the start of an hour, so that a counted hour goes as a whole."""
        moment = now.astimezone(UTC) - timedelta(days=self.days)
        return moment.replace(minute=0, second=0, microsecond=0)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a batch ended: the next one begins after this row."""

    at: datetime
    id: int


BEGINNING = Place(datetime(1970, 1, 1, tzinfo=UTC), 0)


@dataclass(frozen=True, slots=True)
class Batch:
    """How many rows went, and the last of them; None when there are no more."""

    deleted: int
    last: Place | None


def keepings(session: Session, set_days: Mapping[str, int]) -> Sequence[Keeping]:
    """How long each level that is not kept for ever is kept."""
    floors = [f"log_retention_floor('{level}')" for level in POLICY]
    found = session.execute(text(f"select {', '.join(floors)}")).one()
    pairs = zip(POLICY, found, strict=True)
    return [Keeping(level, POLICY[level], set_days[level], floor) for level, floor in pairs]


FLOORS = """
create or replace function log_retention_floor(of_level log_level) returns integer
language sql immutable parallel safe set search_path = public, pg_temp as $$
    select case of_level {cases} end
$$
"""


def set_floors(connection: Connection, days: Mapping[LogLevel, int]) -> None:
    """Set the least that the database keeps; as its owner, who alone may."""
    cases = " ".join(f"when '{LogLevel(level)}' then {int(least)}" for level, least in days.items())
    connection.exec_driver_sql(FLOORS.format(cases=cases))


DELETE = text("select deleted, last_at, last_id from delete_due_logs(:level, :before, :at, :id, :most)")


def delete_batch(session: Session, level: LogLevel, before: datetime, after: Place, most: int = BATCH) -> Batch:
    """Delete the oldest rows of a level after a place; the database refuses what the policy keeps."""
    span = {"level": level, "before": before, "at": after.at, "id": after.id, "most": most}
    deleted, at, id = session.execute(DELETE, span).one()
    return Batch(deleted, None if at is None else Place(at, id))


WEEKS = text(
    "select start from (select case when relname ~ '^log_[0-9]{4}w[0-9]{2}$' then"
    " cast(to_date(substr(relname, 5), 'IYYY\"w\"IW') as timestamp) at time zone 'UTC' end as start"
    " from pg_inherits join pg_class on pg_class.oid = inhrelid where inhparent = 'log'::regclass) as weeks"
    " where start + interval '7 days' <= :before order by start"
)
"""The planner may read a name before it knows whose it is: only a week's is taken for a date."""


def weeks_before(session: Session, moment: datetime) -> Sequence[datetime]:
    """The weeks of the log, by their start, that ended before a moment."""
    return session.scalars(WEEKS, {"before": moment}).all()


def give_back_week(session: Session, week: datetime) -> Space:
    """Drop an old week without rows, rewrite one that holds a few CRITICAL ones; never waits long for a lock."""
    return Space(session.scalar(text("select give_back_log_week(:week)"), {"week": week}))
