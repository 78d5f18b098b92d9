"""Keeps two weeks of partitions made ahead, so that no log row ever lacks a place."""

from datetime import timedelta

from flask import Flask
from sqlalchemy import func, select

from portal.domain.work import utc_now
from portal.unit_of_work import unit_of_work

AHEAD = timedelta(weeks=2)


def tick(app: Flask) -> None:
    """Make the partitions of today and of the two weeks to come."""
    with app.app_context(), unit_of_work() as session:
        now = utc_now()
        session.scalar(select(func.make_partitions(now, now + AHEAD)))
