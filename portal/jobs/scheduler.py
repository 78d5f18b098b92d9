"""The clock: every worker ticks; a claim on (job, slot), or the rows' own locks, decides who works."""

from collections.abc import Callable
from datetime import timedelta

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger
from flask import Flask

from portal.jobs import keep_partitions, process_inbox, send_payouts

TICKS: dict[Callable[[Flask], None], timedelta] = {
    process_inbox.tick: timedelta(seconds=1),
    send_payouts.tick: timedelta(seconds=2),
    keep_partitions.tick: timedelta(hours=1),
}


def start(app: Flask) -> BackgroundScheduler | None:
    """Start ticking in this process; None when JOBS=off. Only the server's workers call this."""
    if not app.extensions["settings"].jobs:
        return None
    scheduler = BackgroundScheduler(timezone="UTC", job_defaults={"coalesce": True, "misfire_grace_time": None})
    for tick, every in TICKS.items():
        trigger = IntervalTrigger(seconds=int(every.total_seconds()), timezone="UTC")
        scheduler.add_job(tick, trigger, args=[app], id=tick.__module__.rpartition(".")[2], max_instances=1)
    keep_partitions.tick(app)
    scheduler.start()
    app.extensions["scheduler"] = scheduler
    return scheduler
