"""Looks for what is wrong twice a minute, over all workers together, and sends what is in the outbox."""

from datetime import datetime, timedelta

from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.audit.actor import operation
from portal.domain.alerts.outbox import claim_message, settle_message
from portal.domain.alerts.watching import Telling, look
from portal.domain.work import Clock, utc_now
from portal.jobs.notifier import Notifier
from portal.queries.alert_signals import signals
from portal.queries.job_search import Setting, database_now
from portal.unit_of_work import unit_of_work

LOOKED = "alerts_looked_at"
EVERY = timedelta(seconds=25)
"""A worker that comes sooner after another's look leaves it at that."""
PAGE = "/dashboard/admin/alerts"
MOST_AT_ONCE = 20


def tick(app: Flask, clock: Clock | None = None) -> None:
    """Look, unless somebody just did; then send what is due."""
    with app.app_context():
        with operation(), unit_of_work() as session:
            _look(app, session, clock)
        send_due(app.extensions["notifier"], clock or utc_now)


def _look(app: Flask, session: Session, clock: Clock | None) -> None:
    free = session.scalar(select(func.pg_try_advisory_xact_lock(func.hashtext("callastar.alerts"))))
    now = clock() if clock else database_now(session)
    mark = session.get(Setting, LOOKED)
    before = datetime.fromisoformat(mark.value) if mark else None
    if not free or (before is not None and timedelta() <= now - before < EVERY):
        return
    settings, notifier = app.extensions["settings"], app.extensions["notifier"]
    telling = Telling(notifier.targets, settings.alert_quiet, settings.public_url + PAGE)
    look(session, signals(session, now=now, looked_at=before), telling, now=now)
    if mark is None:
        session.add(Setting(name=LOOKED, value=now.isoformat(), set_at=now))
    else:
        mark.value, mark.set_at = now.isoformat(), now


def send_due(notifier: Notifier, clock: Clock) -> int:
    """Send what is due, one message after the other, none of them inside a transaction; how many were tried."""
    for tried in range(MOST_AT_ONCE):
        with operation():
            with unit_of_work() as session:
                message = claim_message(session, now=clock())
            if message is None:
                return tried
            error = notifier.send(message.target, message.title, message.body)
            with unit_of_work() as session:
                settle_message(session, message, error=error, now=clock())
    return MOST_AT_ONCE
