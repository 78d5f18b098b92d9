"""Processes Stripe's events seconds after they were stored; any number of workers may tick at once."""

from flask import Flask

from portal.domain.work import utc_now
from portal.webhooks.processing import process_due


def tick(app: Flask) -> None:
    """Process what is due."""
    with app.app_context():
        process_due(app.extensions["stripe_gateway"], clock=utc_now)
