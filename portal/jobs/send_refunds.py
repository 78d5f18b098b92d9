"""Sends refunds that were asked for, and repairs those whose answer a crash or the line lost."""

from flask import Flask

from portal.audit.actor import operation
from portal.domain.refunds.sending import due_refunds, send_refund
from portal.domain.work import utc_now
from portal.unit_of_work import unit_of_work


def tick(app: Flask) -> None:
    """Send what is due; each refund is an operation of its own."""
    with app.app_context():
        with unit_of_work() as session:
            due = due_refunds(session, now=utc_now())
        for refund_id in due:
            with operation():
                gateway = app.extensions["stripe_gateway"]
                send_refund(unit_of_work, gateway, refund_id=refund_id, clock=utc_now)
