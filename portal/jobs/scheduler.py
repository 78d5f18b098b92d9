"""The clock: every worker ticks; a claim on (job, slot), or the rows' own locks, decides who works."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger
from flask import Flask

from portal.jobs import alerts, keep_partitions, process_inbox, send_payouts, send_refunds, watch
from portal.jobs.desk import JOBS
from portal.jobs.outages import Surviving

TICKS: dict[Callable[[Flask], None], timedelta] = {
    process_inbox.tick: timedelta(seconds=1),
    send_payouts.tick: timedelta(seconds=2),
    send_refunds.tick: timedelta(seconds=2),
    watch.tick: timedelta(minutes=1),
    alerts.tick: timedelta(seconds=30),
}
SLOTS = timedelta(seconds=10)
"""How often each worker looks whether a job's slot is due, or its holder gone."""


def start(app: Flask) -> BackgroundScheduler | None:
    """Start ticking in this process; None when JOBS=off. Only the server's workers call this.

    Either way there is a place for the first row: the portal may have been off for longer than two weeks.
    """
    Surviving(keep_partitions.tick, "start")(app)
    if not app.extensions["settings"].jobs:
        return None
    defaults = {"coalesce": True, "misfire_grace_time": None, "max_instances": 1}
    executors = {"default": {"type": "threadpool", "max_workers": len(TICKS) + len(JOBS)}}
    scheduler = BackgroundScheduler(timezone="UTC", job_defaults=defaults, executors=executors)
    logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)  # a tick still at work is no news
    for tick, every in TICKS.items():
        _add(scheduler, tick, every, tick.__module__.rpartition(".")[2], app)
    for name in JOBS:
        _add(scheduler, app.extensions["jobs"].tick, SLOTS, name, name)
    scheduler.start()
    app.extensions["scheduler"] = scheduler
    return scheduler


def _add(scheduler: BackgroundScheduler, act: Callable[..., None], every: timedelta, id: str, *args: Any) -> None:
    trigger = IntervalTrigger(seconds=int(every.total_seconds()), timezone="UTC")
    scheduler.add_job(Surviving(act, id), trigger, args=args, id=id)
