"""Keeps two weeks of partitions made ahead, so that no log row ever lacks a place."""

from datetime import timedelta

from flask import Flask
from sqlalchemy import func, select

from portal.domain.work import utc_now
from portal.jobs.reporting import housekeeping
from portal.jobs.runner import Run
from portal.unit_of_work import unit_of_work

AHEAD = timedelta(weeks=2)


def work(app: Flask, run: Run) -> None:  # noqa: ARG001 -- every job is called so
    """Make what is missing, and say how many that were."""
    with housekeeping(run):
        run.summary = {"made": _make()}


def tick(app: Flask) -> None:
    """Make what is missing at once: a process that starts, perhaps after months, must find its place."""
    with app.app_context():
        _make()


def _make() -> int:
    """Make the partitions of today and of the two weeks to come; returns how many were new."""
    with unit_of_work() as session:
        now = utc_now()
        return session.scalar(select(func.make_partitions(now, now + AHEAD))) or 0
