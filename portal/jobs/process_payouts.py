"""Pays the creators on a schedule, several at once; begun again after a crash it pays nobody twice."""

import time
from collections import Counter
from datetime import UTC, date, datetime
from uuid import UUID

from flask import Flask

from portal.audit.actor import SYSTEM
from portal.audit.system_log import error_facts, log_error, log_info
from portal.domain.gateway import StripeGateway
from portal.domain.payouts.rounds import WITH_PAYOUT, Handled, Outcome, Reason, Round, due_creators, outcome_of
from portal.domain.payouts.schedule import pay_on_schedule
from portal.domain.work import utc_now
from portal.jobs.pacing import paced
from portal.jobs.pool import each
from portal.jobs.reporting import Report, reported
from portal.jobs.runner import Run
from portal.unit_of_work import unit_of_work

ENDPOINT = "/api/cron/process-payouts"
EVERY_CREATORS, EVERY_SECONDS = 5, 5.0
KEPT_SECONDS = 0.5
NAMED = 100
"""How many creators who were not paid the summary names."""


def work(app: Flask, run: Run) -> None:
    """Pay everybody who is due on the run's day."""
    with reported(run, "CRON_PAYOUT", endpoint=ENDPOINT) as report:
        settings = app.extensions["settings"]
        round = Round(run.id, day_of(run.slot, utc_now()), settings.payout_auto_approve_limit)
        tally = Tally(run, report, round)
        gateway = paced(app.extensions["stripe_gateway"])
        with unit_of_work() as session:
            due = due_creators(session, day=round.day)
        tally.begin(len(due))
        for handled in each(app, due, lambda creator_id: _pay(gateway, creator_id, round)):
            tally.add(handled)
        tally.end()


def day_of(slot: str, now: datetime) -> date:
    """The day, in UTC, that a slot pays for; a manual run's is today."""
    try:
        return datetime.fromisoformat(slot).astimezone(UTC).date()
    except ValueError:
        return now.astimezone(UTC).date()


def _pay(gateway: StripeGateway, creator_id: UUID, round: Round) -> Handled:
    """Pay one creator; a bug is kept with its stack and stops nobody else."""
    started = time.monotonic()
    try:
        return pay_on_schedule(unit_of_work, gateway, creator_id=creator_id, round=round, clock=utc_now)
    except Exception as error:
        facts = {"creatorId": creator_id, "runId": round.run_id, **error_facts(error)}
        facts["processingTimeMs"] = _since(started)
        log_error("PAYOUT_REQUEST_FATAL_ERROR", SYSTEM.kind, None, creator_id, facts)
        return Handled(creator_id, Reason.BUG)


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


class Tally:
    """The run's counts: kept in its record, told to the log as it goes."""

    def __init__(self, run: Run, report: Report, round: Round) -> None:
        self.run, self.report, self.day = run, report, round.day
        before = {Reason(reason): n for reason, n in run.summary.get("reasons", {}).items()}
        self.reasons = Counter({reason: n for reason, n in before.items() if reason in WITH_PAYOUT})
        self.unpaid = [one for one in run.summary.get("unpaid", []) if one["reason"] in WITH_PAYOUT]
        self.total = self.told = self.processed
        self.told_at = self.kept_at = time.monotonic()

    @property
    def processed(self) -> int:
        """How many creators were looked at, by whoever held the run."""
        return self.reasons.total()

    def begin(self, due: int) -> None:
        """Say how many there are; those that a stopped holder of this run has paid are counted."""
        self.total = self.processed + due
        self._keep()

    def add(self, handled: list[Handled]) -> None:
        """Count what ended; an empty list only keeps the lease."""
        for one in handled:
            self._count(one)
            if self.processed - self.told >= EVERY_CREATORS:
                self._tell()
        now = time.monotonic()
        if now - self.told_at >= EVERY_SECONDS:
            self._tell()
        if now - self.kept_at >= KEPT_SECONDS:
            self._keep()

    def end(self) -> None:
        """Tell what was not told yet, and hand the counts to the report."""
        if self.processed != self.told:
            self._tell()
        self._keep()
        self.report.facts = dict(self.run.summary)

    def _count(self, one: Handled) -> None:
        self.reasons[one.reason] += 1
        if one.outcome is not Outcome.SUCCEEDED and len(self.unpaid) < NAMED:
            self.unpaid.append({"creatorId": str(one.creator_id), "reason": one.reason.value})

    def _tell(self) -> None:
        facts = {"runId": self.run.id, "processedCount": self.processed, "totalCount": self.total}
        facts["elapsedMs"] = self.report.elapsed_ms
        log_info("CRON_PAYOUT_PROGRESS", SYSTEM.kind, None, None, facts)
        self.told, self.told_at = self.processed, time.monotonic()

    def _keep(self) -> None:
        counts: Counter[str] = Counter({outcome.value: 0 for outcome in Outcome})
        for reason, n in self.reasons.items():
            counts[outcome_of(reason).value] += n
        reasons = {reason.value: n for reason, n in self.reasons.items()}
        self.run.summary = {"processed": self.processed, **counts, "reasons": reasons}
        self.run.summary |= {"day": self.day.isoformat(), "unpaid": self.unpaid}
        self.run.progress(self.processed, self.total)
        self.kept_at = time.monotonic()
