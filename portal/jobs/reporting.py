"""A run in the log: that it started, how it ended, or the error that stopped it, each with its runId."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from portal.audit.actor import SYSTEM
from portal.audit.system_log import error_facts, log_error, log_system
from portal.domain.work import utc_now
from portal.jobs.runner import LeaseLostError, Run

DAYS_FIRST = "T00:"
"""In the slot of a UTC day's first hour."""


class Report:
    """What a run tells of itself; `facts` are told when it has completed."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.started = time.monotonic()
        self.facts: dict[str, Any] = {}

    @property
    def elapsed_ms(self) -> int:
        """Milliseconds since the run began."""
        return round((time.monotonic() - self.started) * 1000)


@contextmanager
def reported(run: Run, events: str, *, quiet: bool = False, **facts: Any) -> Iterator[Report]:
    """Record `events`_STARTED, then _COMPLETED, or _FATAL_ERROR with the stack and the summary so far.

    A quiet run leaves its start and its end to its own record; an error is always told.
    """
    report = Report(run)
    known = {"runId": run.id, **facts}
    if not quiet:
        log_system(f"{events}_STARTED", metadata={**known, "startTime": utc_now(), "takeover": run.is_takeover})
    try:
        yield report
    except LeaseLostError:
        raise
    except Exception as error:
        told = {**known, **error_facts(error), "durationMs": report.elapsed_ms, "summary": run.summary}
        log_error(f"{events}_FATAL_ERROR", SYSTEM.kind, None, None, told)
        raise
    if quiet:
        return
    elapsed = report.elapsed_ms
    timing = {"endTime": utc_now(), "durationMs": elapsed, "durationSeconds": round(elapsed / 1000)}
    log_system(f"{events}_COMPLETED", metadata={**known, **timing, **report.facts})


@contextmanager
def housekeeping(run: Run) -> Iterator[Report]:
    """Report hourly work that nobody waits for: in full once a day, on demand and after a takeover."""
    by_clock = not run.slot.startswith("manual:") and not run.is_takeover
    with reported(run, "CRON_JOB", quiet=by_clock and DAYS_FIRST not in run.slot, job=run.job) as report:
        yield report
        report.facts = dict(run.summary)
