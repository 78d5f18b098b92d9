"""Sends approved payouts, and repairs those that a crash or a lost answer left SUBMITTING."""

from flask import Flask

from portal.audit.actor import operation
from portal.domain.payouts.sending import due_payouts, send_payout
from portal.domain.work import utc_now
from portal.unit_of_work import unit_of_work


def tick(app: Flask) -> None:
    """Send what is due; each payout is an operation of its own."""
    with app.app_context():
        with unit_of_work() as session:
            due = due_payouts(session, now=utc_now())
        for payout_id in due:
            with operation():
                gateway = app.extensions["stripe_gateway"]
                send_payout(unit_of_work, gateway, payout_id=payout_id, clock=utc_now)
