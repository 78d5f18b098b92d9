"""How long automatic payouts take: many creators, a Stripe that answers late, and what memory does meanwhile.

`python -m benchmarks.payout_job --creators 2000 --latency-ms 200` runs the job on a throw-away database and
the local Stripe in a process of its own. The measure is the ratio to calls × latency ÷ parallelism: 1 would
be a job that does nothing but wait.
"""

import argparse
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, cast
from urllib.request import Request, urlopen

from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import create_engine, insert, text
from sqlalchemy.pool import NullPool

from portal import create_app
from portal.audit.actor import SYSTEM
from portal.config import SANDBOX_KEY
from portal.database import ensure_database, start_embedded, stop_embedded
from portal.extensions import db
from portal.jobs.desk import Desk
from portal.jobs.pacing import CALLS_AT_ONCE
from portal.models import Creator, PayoutSchedule, User, uuid7
from portal.queries.job_search import find_run
from portal.stripe_sandbox import SandboxSettings
from portal.stripe_sandbox.server import RunningSandbox
from portal.unit_of_work import reading

CALLS = 3  # the account, its balance, the payout
BALANCE = 12_345
JOB = "process-payouts"


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of the job."""

    creators: int
    latency_ms: int
    seconds: float
    ideal_seconds: float
    call_ms: float
    succeeded: int
    cpu_ms: float
    memory_mb: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """How much longer than waiting for Stripe alone."""
        return self.seconds / self.ideal_seconds

    @property
    def ratio_as_answered(self) -> float:
        """The same against the latency that the calls had: a busy machine answers later than asked for."""
        return self.ratio * self.latency_ms / self.call_ms

    @property
    def growth_mb(self) -> float:
        """From the median of the run's first quarter to that of its last."""
        quarter = max(1, len(self.memory_mb) // 4)
        return statistics.median(self.memory_mb[-quarter:]) - statistics.median(self.memory_mb[:quarter])


def measure(app: Flask, creators: int, latency_ms: int, url: str) -> Measured:
    """Run the job once over new creators, in this process."""
    seed(app, creators, url)
    _control(url, "faults", {"kind": "delay_before", "times": None, "seconds": latency_ms / 1000})
    calls = _count_calls(app)
    with _watching_memory() as memory, app.app_context():
        started, worked = time.monotonic(), time.process_time()
        run = find_run(reading(), Desk(app).run_now(JOB, SYSTEM, wait=True))
        seconds = time.monotonic() - started
        cpu_ms = (time.process_time() - worked) * 1000 / creators
    _control(url, "faults", {"clear": True})
    assert run is not None
    ideal = len(calls) * latency_ms / 1000 / CALLS_AT_ONCE
    succeeded = run.summary.get("succeeded", 0)
    call_ms = statistics.median(calls) * 1000
    return Measured(creators, latency_ms, seconds, ideal, call_ms, succeeded, cpu_ms, tuple(memory))


def seed(app: Flask, creators: int, url: str) -> None:
    """Creators on a daily schedule, each with an account that holds money at the local Stripe."""
    people = [(uuid7(), uuid7(), f"acct_{uuid7().hex}") for _ in range(creators)]
    accounts: list[dict[str, Any]] = []
    for _, _, account in people:
        accounts.append({"object": "account", "id": account, "country": "FR", "default_currency": "eur"})
        accounts.append({"object": "bank_account", "id": f"ba_{account}", "account": account})
        money = {"object": "balance_transaction", "id": f"txn_{account}", "account": account}
        accounts.append({**money, "amount": BALANCE, "currency": "eur"})
    for start in range(0, len(accounts), 3000):
        _control(url, "bulk", {"objects": accounts[start : start + 3000]})
    engine = create_engine(app.extensions["database_urls"].owner, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(insert(User), [_user(user) for user, _, _ in people])
        connection.execute(insert(Creator), [_creator(*given) for given in people])
    engine.dispose()


def _user(user: Any) -> dict[str, Any]:
    return {
        "id": user,
        "email": f"{user}@example.test",
        "name": "Créateur",
        "password_hash": "!",
        "role": "CREATOR",
    }


def _creator(user: Any, creator: Any, account: str) -> dict[str, Any]:
    given = {"id": creator, "user_id": user, "handle": f"c{creator.hex}", "currency": "EUR"}
    return given | {"stripe_account_id": account, "payout_schedule": PayoutSchedule.DAILY}


def _control(url: str, verb: str, body: dict[str, Any]) -> None:
    headers = {"Authorization": f"Bearer {SANDBOX_KEY}", "Content-Type": "application/json"}
    with urlopen(Request(f"{url}/_sandbox/{verb}", json.dumps(body).encode(), headers), timeout=120) as answer:
        answer.read()


def _count_calls(app: Flask) -> list[float]:
    """Every call's seconds, appended as it is made."""
    gateway = app.extensions["stripe_gateway"]
    asked, calls, lock = gateway._asked, [], Lock()

    def timed(call: Any) -> Any:
        started = time.monotonic()
        try:
            return asked(call)
        finally:
            with lock:
                calls.append(time.monotonic() - started)

    gateway._asked = timed
    return cast(list[float], calls)


@contextmanager
def _watching_memory() -> Iterator[list[float]]:
    """This process's resident megabytes, four times a second."""
    seen: list[float] = []
    stop = Event()

    def watch() -> None:
        while not stop.wait(0.25):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            seen.append(pages * 4096 / 1e6)

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        stop.set()
        watcher.join()
        seen = seen or [0.0]


def _serve(folder: str, told: Connection) -> None:
    """The local Stripe in a process of its own: it shares no interpreter with the job."""
    with RunningSandbox(SandboxSettings(path=Path(folder) / "stripe.sqlite3"), worker=False) as running:
        told.send(running.url)
        told.recv()


@contextmanager
def stripe(folder: Path) -> Iterator[str]:
    """The address of a local Stripe."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(str(folder), there), daemon=True)
    process.start()
    yield here.recv()
    here.send("stop")
    process.join(timeout=10)


@contextmanager
def portal(folder: Path, url: str) -> Iterator[Flask]:
    """The portal on an empty database of its own."""
    server = start_embedded(folder / "data")
    ensure_database(server, "benchmark")
    environ = {
        "DATABASE_URL": server.set(database="benchmark").render_as_string(hide_password=False),
        "PORTAL_INSTANCE": str(folder / "instance"),
        "STRIPE_API_BASE": url,
        "PAYOUT_AUTO_APPROVE_LIMIT": "100000",
        "JOBS": "off",
    }
    app = create_app(environ)
    with app.app_context():
        upgrade()
        yield app
        db.session.execute(text("select 1"))
        db.session.remove()
        db.engine.dispose()
    stop_embedded(folder / "data")


def main(arguments: list[str]) -> int:
    """Measure and print; fails when the ratio passes 1.3."""
    parser = argparse.ArgumentParser(prog="benchmarks.payout_job", description=__doc__)
    parser.add_argument("--creators", type=int, default=2000)
    parser.add_argument("--latency-ms", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args(arguments)
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True))
        )
        url = stack.enter_context(stripe(folder))
        app = stack.enter_context(portal(folder, url))
        log = stack.enter_context((folder / "log.ndjson").open("w"))
        with redirect_stderr(log):
            found = [measure(app, given.creators, given.latency_ms, url) for _ in range(given.rounds)]
    for one in found:
        print(
            f"{one.creators} creators, {one.succeeded} paid in {one.seconds:.1f} s;"
            f" calls x latency / {CALLS_AT_ONCE} = {one.ideal_seconds:.1f} s; ratio {one.ratio:.2f};"
            f" median call {one.call_ms:.0f} ms, ratio to that {one.ratio_as_answered:.2f};"
            f" {one.cpu_ms:.0f} ms of processor a creator;"
            f" memory {one.memory_mb[0]:.0f} MB, grown by {one.growth_mb:+.1f} MB"
        )
    ratio = statistics.median(one.ratio for one in found)
    print(f"median ratio {ratio:.2f} (goal: at most 1.30)")
    return 0 if ratio <= 1.3 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
