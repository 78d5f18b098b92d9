"""Who starts jobs: the clock slot by slot, an admin or an outside clock at once; and which jobs there are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from threading import Thread
from uuid import UUID

from flask import Flask

from portal.audit.actor import Actor
from portal.audit.outage import is_unreachable
from portal.audit.system_log import log_admin_action
from portal.domain.jobs import JobRefused, Schedule, job_pause
from portal.jobs import (
    cleanup_logs,
    expire_bookings,
    keep_partitions,
    process_payouts,
    reconcile_stripe,
    report_overdue,
    roll_up_logs,
)
from portal.jobs.runner import LEASE, Run, carry_out, claim
from portal.queries.job_search import abandoned_slots, database_now, find_slot, uuid7
from portal.unit_of_work import unit_of_work

Work = Callable[[Flask, Run], None]


@dataclass(frozen=True, slots=True)
class Job:
    """When a job is due, and what it does."""

    schedule: Schedule
    work: Work


HOUR, DAY = timedelta(hours=1), timedelta(days=1)
JOBS = {
    job.schedule.name: job
    for job in (
        Job(Schedule("process-payouts", DAY, offset=6 * HOUR), process_payouts.work),
        Job(Schedule("cleanup-logs", DAY, offset=3 * HOUR), cleanup_logs.work),
        Job(Schedule("reconcile-stripe", timedelta(minutes=15)), reconcile_stripe.work),
        Job(Schedule("expire-bookings", timedelta(minutes=2)), expire_bookings.work),
        Job(Schedule("keep-partitions", HOUR), keep_partitions.work),
        Job(Schedule("roll-up-logs", HOUR, offset=timedelta(minutes=10)), roll_up_logs.work),
        Job(Schedule("report-overdue", timedelta(minutes=15), offset=timedelta(minutes=5)), report_overdue.work),
    )
}


def _in_background(work: Callable[[], None]) -> None:
    Thread(target=work, name="job", daemon=True).start()


class Desk:
    """Runs the jobs of an application; implements domain.jobs.JobDesk."""

    def __init__(self, app: Flask, jobs: Mapping[str, Job] = JOBS, lease: timedelta = LEASE) -> None:
        self.app = app
        self.jobs = jobs
        self.lease = lease
        self.launch: Callable[[Callable[[], None]], None] = _in_background

    @property
    def schedules(self) -> Mapping[str, Schedule]:
        """Every scheduled job by its name."""
        return {name: job.schedule for name, job in self.jobs.items()}

    def tick(self, name: str) -> None:
        """Run what nobody runs: slots whose holder stopped, then the present one, unless the job is paused."""
        with self.app.app_context():
            with unit_of_work() as session:
                if job_pause(session, name) is not None:
                    return
                slot = self.jobs[name].schedule.slot_at(database_now(session))
                due = list(abandoned_slots(session, name))
                due += [slot] if find_slot(session, name, slot) is None else []
            for run in filter(None, (claim(name, slot, self.lease) for slot in due)):
                self._carry_out(run)

    def run_now(self, name: str, actor: Actor, *, wait: bool) -> UUID:
        """Run the job in a slot of its own; an error is in the run's record, not raised. Raises JobRefused."""
        run = self._claim_manual(name, actor)
        if wait:
            self._carry_out(run)
        else:
            self.launch(lambda: self._apart(run))
        return run.id

    def _claim_manual(self, name: str, actor: Actor) -> Run:
        event = "CRON_JOB_REQUESTED"
        with unit_of_work() as session:
            paused = job_pause(session, name)
        if paused is not None:
            message = "Cette tâche est suspendue : %(reason)s"
            raise JobRefused(message, event=event, words={"reason": paused["reason"]})
        run = claim(name, f"manual:{uuid7()}", self.lease)
        if run is None:
            raise JobRefused("Cette tâche est déjà en cours.", event=event)
        if actor.user_id is not None:
            log_admin_action(event, actor.id, metadata={"job": name, "adminId": actor.id, "runId": run.id})
        return run

    def _apart(self, run: Run) -> None:
        with self.app.app_context():
            self._carry_out(run)

    def _carry_out(self, run: Run) -> None:
        """Do the work; what goes wrong is kept with the run."""
        try:
            carry_out(run, lambda held: self.jobs[held.job].work(self.app, held))
        except Exception as error:
            if is_unreachable(error):
                self.app.logger.warning("job %s %s lost the database; it is taken over later", run.job, run.slot)
            else:
                self.app.logger.exception("job %s %s failed", run.job, run.slot)


def register(app: Flask) -> None:
    """Give the application its desk; nothing starts by itself before scheduler.start()."""
    app.extensions["jobs"] = Desk(app)
