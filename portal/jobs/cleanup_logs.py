"""Deletes the log's rows whose time has passed; begun again after a crash it goes on where it stopped."""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from flask import Flask
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from portal.audit.actor import SYSTEM
from portal.audit.retention import (
    BATCH,
    BEGINNING,
    POLICY,
    Keeping,
    Place,
    Space,
    delete_batch,
    give_back_week,
    keepings,
    weeks_before,
)
from portal.audit.system_log import log_warning
from portal.domain.log_cleanup import asks, ordinary, take_confirmation
from portal.domain.work import utc_now
from portal.jobs.reporting import reported
from portal.jobs.roll_up_logs import count_hours
from portal.jobs.runner import Run
from portal.queries.log_retention import LogLevel, deleted_before, due_by_level, due_weeks
from portal.unit_of_work import unit_of_work

ENDPOINT = "/api/cron/cleanup-logs"
TRIES, PAUSE_SECONDS = 3, 0.5
LOCKED = {"55P03", "40P01"}
"""Not locked in time, deadlocked: somebody reads the week; it goes another day."""


def work(app: Flask, run: Run) -> None:
    """Count what is due, ask when that is far beyond the ordinary, else delete it and give its disk back."""
    with reported(run, "CRON_CLEANUP", endpoint=ENDPOINT) as report:
        cleanup = Cleanup(run, app.extensions["settings"].retention_days)
        if cleanup.begin():
            for level in POLICY:
                cleanup.delete(level)
            cleanup.give_back()
        report.facts = dict(run.summary)


def deleted_key(level: LogLevel) -> str:
    """The summary's name for a level's count: deletedInfo, deletedWarning, deletedError."""
    return f"deleted{level.title()}"


class Cleanup:
    """One run: what it may delete, and what it has."""

    def __init__(self, run: Run, set_days: Mapping[str, int]) -> None:
        self.run, self.set_days, self.batch = run, set_days, BATCH
        self.before: dict[LogLevel, datetime] = {}

    @property
    def deleted(self) -> int:
        """Rows deleted so far, by whoever held the run."""
        return sum(self.run.summary[deleted_key(level)] for level in POLICY)

    @property
    def due(self) -> int:
        """Rows that were due when the run began."""
        return sum(self.run.summary["due"].values())

    def begin(self) -> bool:
        """Count the hours that will go, then the due rows; False when a person must say yes first."""
        count_hours(lambda session, *_: self.run.record(session, self.run.summary, 0))
        if "due" not in self.run.summary:
            self._decide()
        before = self.run.summary["before"]
        self.before = {LogLevel(level): datetime.fromisoformat(at) for level, at in before.items()}
        return not self.run.summary["held"]

    def _decide(self) -> None:
        """What is due, and whether it may go; a confirmation is used up with that, in one transaction."""
        with unit_of_work() as session:
            kept = keepings(session, self.set_days)
            before = {keeping.level: keeping.cutoff(utc_now()) for keeping in kept}
            due = due_by_level(due_weeks(session, before))
            usual, total = ordinary(deleted_before(session)), sum(due.values())
            held = asks(total, usual, take_confirmation(session))
            told = {deleted_key(level): 0 for level in POLICY} | {
                "held": held,
                "due": {level.value: n for level, n in due.items()},
                "before": {level.value: at.isoformat() for level, at in before.items()},
                "retentionDays": {keeping.level.value: keeping.days for keeping in kept},
            }
            told |= {"median": usual.median, "limit": usual.limit} if usual else {}
            self._tell(session, told, kept)
            self.run.record(session, told, 0, total)
        self.run.summary = told

    def _tell(self, session: Session, told: Mapping[str, Any], kept: Sequence[Keeping]) -> None:
        """Warn of a run that is held, and of rows that go before the policy's time."""
        if told["held"]:
            facts = {"due": sum(told["due"].values()), "median": told["median"], "limit": told["limit"]}
            facts["runId"] = self.run.id
            log_warning("CRON_CLEANUP_HELD", SYSTEM.kind, None, None, facts, session=session)
        if any(keeping.is_shorter for keeping in kept):
            facts = {"retentionDays": told["retentionDays"], "policyDays": POLICY, "runId": self.run.id}
            facts["reason"] = "RETENTION_BELOW_POLICY=accepted"
            log_warning("LOG_RETENTION_SHORTENED", SYSTEM.kind, None, None, facts, session=session)

    def delete(self, level: LogLevel) -> None:
        """Delete a level's due rows, oldest first, each batch and its count in one transaction."""
        after: Place | None = BEGINNING
        while after is not None:
            started = time.monotonic()
            with unit_of_work() as session:
                batch = delete_batch(session, level, self.before[level], after, self.batch)
                told = self._plus({deleted_key(level): batch.deleted})
                self.run.record(session, told, self.deleted + batch.deleted, max(self.due, self.deleted))
            took = round((time.monotonic() - started) * 1000)
            self.run.summary = told | {"longestBatchMs": max(took, told.get("longestBatchMs", 0))}
            after = batch.last

    def give_back(self) -> None:
        """Drop or rewrite the old weeks that have become empty, or nearly; a week in use stays another day."""
        with unit_of_work() as session:
            weeks = weeks_before(session, min(self.before.values()))
        for week in weeks:
            for attempt in range(TRIES):
                if self._give_back(week, last=attempt == TRIES - 1):
                    break
                time.sleep(PAUSE_SECONDS)

    def _give_back(self, week: datetime, *, last: bool) -> bool:
        """Whether the week is done with; a last attempt always is, and is counted."""
        try:
            with unit_of_work() as session:
                space = give_back_week(session, week)
                if space not in {Space.DROPPED, Space.REWRITTEN}:
                    return True
                told = self._plus({f"weeks{space.title()}": 1})
                self.run.record(session, told, self.deleted, max(self.due, self.deleted))
        except OperationalError as error:
            if getattr(error.orig, "pgcode", None) not in LOCKED:
                raise
            if last:
                self.run.summary = self._plus({"weeksLeft": 1})
            return last
        self.run.summary = told
        return True

    def _plus(self, counts: Mapping[str, int]) -> dict[str, Any]:
        summary = self.run.summary
        return summary | {name: summary.get(name, 0) + n for name, n in counts.items()}
