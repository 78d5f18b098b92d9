"""A hand on the inbox: events posted, workers started, time let pass."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Barrier
from typing import Any

from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.domain.work import utc_now
from portal.models import InboxState, Log, StripeEvent
from portal.webhooks.processing import process_due
from tests.conftest import SECRETS
from tests.webhooks.test_receiving import CONNECT, PLATFORM, body, signature

ENDPOINTS = {True: (PLATFORM, "STRIPE_WEBHOOK_SECRET"), False: (CONNECT, "STRIPE_CONNECT_WEBHOOK_SECRET")}
"""Where an event goes, and what signs it there, by whether it is the platform's own."""


class Inbox:
    """What Stripe and the clock do to an application's inbox."""

    def __init__(self, app: Flask, session: Session) -> None:
        self.app = app
        self.session = session

    def post(self, id: str, account: str | None, object_id: str = "po_1", **changes: Any) -> None:
        """A signed event at its own address; by default of a payout."""
        changes.setdefault("data", {"object": {"id": object_id, "object": "payout"}})
        payload = body(id=id, account=account, **changes)
        path, name = ENDPOINTS[account is None]
        headers = {"Stripe-Signature": signature(payload, SECRETS[name])}
        assert self.app.test_client().post(path, data=payload, headers=headers).status_code == 200

    def work(self, workers: int = 1, clock: Callable[[], datetime] = utc_now, limit: int = 200) -> int:
        """Let so many workers process what is due, all at once; how many events they took."""
        gate = Barrier(workers)

        def one(_: int) -> int:
            with self.app.app_context():
                gate.wait(timeout=20)
                return process_due(self.app.extensions["stripe_gateway"], clock=clock, limit=limit)

        with ThreadPoolExecutor(workers) as pool:
            return sum(pool.map(one, range(workers)))

    def make_due(self) -> None:
        """Let every pause end."""
        self.session.rollback()
        self.session.execute(text("update stripe_event set next_try_at = now() where state = 'RECEIVED'"))
        self.session.commit()

    def row(self, id: str) -> StripeEvent:
        """An event as it stands."""
        self.session.rollback()
        return self.session.get_one(StripeEvent, id, populate_existing=True)

    def state(self, id: str) -> InboxState:
        """Where an event stands."""
        return self.row(id).state

    def told(self, type: str) -> list[Log]:
        """The rows of a type, oldest first."""
        self.session.rollback()
        return list(self.session.scalars(select(Log).where(Log.type == type).order_by(Log.created_at, Log.id)))
