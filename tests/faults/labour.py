"""What the processes that will be killed do all day: a random mix of everything that moves money."""

import json
import os
import random
import socket
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.serving import make_server

from portal.audit.actor import operation
from portal.domain.errors import DomainError
from portal.domain.payouts.sending import due_payouts
from portal.extensions import db
from portal.models import Creator, Payout, User
from portal.models import PayoutStatus as S
from portal.stripe_sandbox.server import QuietHandler
from portal.unit_of_work import unit_of_work
from portal.webhooks.processing import process_due
from tests.faults.acts import Verbs
from tests.faults.bank import silence
from tests.faults.crashing import PROVOKED, arm, provoke
from tests.faults.moments import SharedClock

AUTO_LIMIT = Decimal(1000)
WEIGHTS = {
    "ask": 3,
    "ask_again": 1,
    "approve": 5,
    "sweep": 4,
    "process": 3,
    "cancel": 1,
    "withdraw": 1,
    "retry": 1,
}
LEADS_TO = {
    "C1": ("ask",),
    "C2": ("ask",),
    "C12": ("process",),
    "C13": ("process",),
    "C16": ("cancel",),
}
"""The acts that come to a point; every other point lies on the way of a sending."""
SENDING = ("approve", "sweep", "ask")


@dataclass(frozen=True, slots=True)
class Orders:
    """Where a process is to die, if not at random, how often it passes there, and its chance."""

    point: str | None
    passes: int
    seed: int


class Labourer:
    """Everybody who works at the marketplace, in one process."""

    def __init__(self, app: Flask, clock: SharedClock, people: list[UUID], admins: list[UUID], seed: int) -> None:
        self.app = app
        self.clock = clock
        self.people = people
        self.admins = admins
        self.chance = random.Random(seed)
        with app.app_context():
            self.session = Session(db.engine, expire_on_commit=False)
        self.verbs = Verbs(app, self.session, clock)

    def work(self, orders: Orders) -> None:
        """Act until killed."""
        favoured = LEADS_TO.get(orders.point or "", SENDING)
        weights = {name: weight * (5 if name in favoured else 1) for name, weight in WEIGHTS.items()}
        while True:
            [name] = self.chance.choices(list(weights), list(weights.values()))
            self.act(getattr(self, name))

    def act(self, verb: Callable[[], object]) -> None:
        """Do it; a refusal is an answer like any other."""
        try:
            verb()
        except DomainError:
            self.session.rollback()

    def ask(self) -> None:
        """A creator's form; about a third is within the limit of automatic approval."""
        creator = self.load(Creator, self.chance.choice(self.people))
        amount = f"{self.chance.randint(1000, 6000) / 100:.2f}"
        limit = AUTO_LIMIT if self.chance.random() < 0.3 else Decimal(0)
        self.verbs.request(creator, amount, auto_limit=limit)

    def ask_again(self) -> None:
        """A form that was sent before, perhaps by a process that died."""
        payout = self.any(*S)
        if payout is not None and payout.form_token:
            token = payout.form_token.partition(":")[2]
            self.verbs.request(self.load(Creator, payout.creator_id), "10", token=token)

    def approve(self) -> None:
        payout = self.any(S.REQUESTED)
        if payout is not None:
            self.verbs.approve(self.admin(), payout.id)

    def cancel(self) -> None:
        payout = self.any(S.PROCESSING, S.APPROVED)
        if payout is not None:
            self.verbs.cancel(self.admin(), payout.id)

    def withdraw(self) -> None:
        payout = self.any(S.REQUESTED)
        if payout is not None:
            self.verbs.withdraw(self.load(Creator, payout.creator_id), payout.id)

    def retry(self) -> None:
        payout = self.any(S.FAILED, S.REVIEW, S.RETURNED)
        if payout is not None:
            self.verbs.retry(self.admin(), payout.id)

    def sweep(self) -> None:
        """The job that sends, with this process's clock."""
        with self.app.app_context(), unit_of_work() as unit:
            due = due_payouts(unit, now=self.clock(), limit=5)
        for payout_id in due:
            self.verbs.send(payout_id)

    def process(self) -> None:
        """The inbox job, with this process's clock."""
        with self.app.app_context(), operation():
            process_due(self.verbs.gateway, clock=self.clock, limit=20)

    def any(self, *status: S) -> Payout | None:
        """Some payout that stands so."""
        self.session.rollback()
        query = select(Payout).where(Payout.status.in_(status)).order_by(func.random()).limit(1)
        found = self.session.scalar(query.execution_options(populate_existing=True))
        self.session.rollback()
        return found

    def admin(self) -> User:
        return self.load(User, self.chance.choice(self.admins))

    def load(self, model: type[Any], id_: UUID) -> Any:
        found = self.session.get_one(model, id_, populate_existing=True)
        self.session.rollback()
        return found


def labour(labourer: Callable[[], Labourer], orders: Orders, errors: Path) -> None:
    """The life of a forked worker; what it did not expect is left in `errors`."""
    silence()
    try:
        if orders.point is not None:
            arm(orders.point, orders.passes)
        if orders.point in PROVOKED:
            provoke(PROVOKED[orders.point])
        labourer().work(orders)
    except BaseException:
        (errors / f"{os.getpid()}.txt").write_text(f"{json.dumps(orders.point)}\n{traceback.format_exc()}")
    os._exit(1)


def receive_posts(app: Flask, listening: socket.socket, orders: Orders, errors: Path) -> None:
    """The life of a forked web process that Stripe posts its events to."""
    silence()
    try:
        if orders.point is not None:
            arm(orders.point, orders.passes)
        host, port = listening.getsockname()
        options: dict[str, Any] = {"threaded": True, "request_handler": QuietHandler, "fd": listening.fileno()}
        make_server(host, port, app, **options).serve_forever()
    except BaseException:
        (errors / f"{os.getpid()}.txt").write_text(traceback.format_exc())
    os._exit(1)
