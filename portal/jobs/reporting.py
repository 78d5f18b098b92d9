"""A run in the log: that it started, how it ended, or the error that stopped it, each with its runId."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from portal.audit.actor import SYSTEM
from portal.audit.system_log import error_facts, log_error, log_system
from portal.domain.work import utc_now
from portal.jobs.runner import LeaseLostError, Run


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
def reported(run: Run, events: str, **facts: Any) -> Iterator[Report]:
    """Record `events`_STARTED, then _COMPLETED, or _FATAL_ERROR with the stack and the summary so far."""
    report = Report(run)
    known = {"runId": run.id, **facts}
    log_system(f"{events}_STARTED", metadata={**known, "startTime": utc_now(), "takeover": run.is_takeover})
    try:
        yield report
    except LeaseLostError:
        raise
    except Exception as error:
        told = {**known, **error_facts(error), "durationMs": report.elapsed_ms, "summary": run.summary}
        log_error(f"{events}_FATAL_ERROR", SYSTEM.kind, None, None, told)
        raise
    elapsed = report.elapsed_ms
    timing = {"endTime": utc_now(), "durationMs": elapsed, "durationSeconds": round(elapsed / 1000)}
    log_system(f"{events}_COMPLETED", metadata={**known, **timing, **report.facts})
