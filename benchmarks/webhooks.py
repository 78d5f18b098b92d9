"""Receiving webhooks: signed 2.5 KB events, three in ten delivered again, against gunicorn with two workers.

`python -m benchmarks.webhooks --seconds 20` measures, on a throw-away PostgreSQL that is as durable as in
production: a bare Flask view that inserts one row, then the portal, then the portal with a worker killed (-9)
every 1.5 s. Clients, servers and PostgreSQL share the machine, so the measure is the ratio to the bare view; the
load average is printed beside it. Exit status 1 when an acknowledged event is lost, or processed not just once.
"""

import argparse
import hashlib
import hmac
import http.client
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, redirect_stderr
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import psutil
from flask import Flask
from sqlalchemy import Engine, create_engine, select, text
from sqlalchemy.pool import NullPool

from benchmarks.payout_job import portal, seed, stripe
from portal.domain.work import utc_now
from portal.models import Creator, InboxState, Log, StripeEvent
from portal.webhooks.processing import process_due

CONNECT = "/api/payments/webhook/connect"
SECRET = "whsec_" + "b" * 32
BODY_BYTES = 2500
DUPLICATES = 0.3
KILL_EVERY = 1.5
PLACE = b"evt_" + b"0" * 32


@dataclass(slots=True)
class Sent:
    """What one client, or all together, saw."""

    acknowledged: list[str] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    repeated: int = 0
    refused: Counter[int] = field(default_factory=Counter)
    broken: int = 0


@dataclass(frozen=True, slots=True)
class Measured:
    """One run; `lost` counts acknowledged events that are not in the inbox."""

    seconds: float
    sent: Sent
    kills: int = 0
    lost: int = 0

    @property
    def stored_per_second(self) -> float:
        """New events only."""
        return len(self.sent.acknowledged) / self.seconds

    @property
    def per_second(self) -> float:
        """New and repeated ones."""
        return (len(self.sent.acknowledged) + self.sent.repeated) / self.seconds

    def percentile(self, share: float) -> float:
        """Milliseconds within which that share of deliveries was answered."""
        ordered = sorted(self.sent.milliseconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


class Server:
    """gunicorn with two workers on a port of its own, until the block ends."""

    def __init__(self, arguments: list[str], environ: dict[str, str], log: Path, port: int) -> None:
        self.port = port
        self.log = log.open("ab")
        command = [sys.executable, "-m", "gunicorn", *arguments]
        self.process = subprocess.Popen(
            command, env={**os.environ, **environ}, stdout=self.log, stderr=self.log, start_new_session=True
        )
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                with urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=2) as answer:
                    answer.read()
                    return
            except (URLError, OSError):
                time.sleep(0.05)
        raise RuntimeError(f"the server does not answer: see {self.log.name}")

    def kill_a_worker(self, chance: random.Random) -> None:
        """kill -9 for one worker; the master starts another."""
        workers = psutil.Process(self.process.pid).children()
        if workers:
            os.kill(chance.choice(workers).pid, signal.SIGKILL)

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.log.close()


def free_port() -> int:
    """A port that nobody listens on."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def bare_server(engine: Engine, folder: Path) -> Server:
    """The bare view, with the portal's number of workers and threads, on the same PostgreSQL."""
    with engine.begin() as connection:
        kept = "id bigint generated always as identity primary key, payload bytea not null"
        connection.execute(text(f"create table if not exists bare ({kept})"))
    dsn = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    port = free_port()
    settings = folder / "bare.conf.py"  # without one gunicorn takes the portal's
    settings.touch()
    options = [
        "-c",
        str(settings),
        "-w",
        "2",
        "-k",
        "gthread",
        "--threads",
        "8",
        "-b",
        f"127.0.0.1:{port}",
        "--no-control-socket",
    ]
    return Server([*options, "benchmarks.bare:app"], {"BARE_DSN": dsn}, folder / "bare.log", port)


def portal_server(app: Flask, folder: Path) -> Server:
    """The portal as it runs in production, but for the jobs."""
    owner = app.extensions["database_urls"].owner
    port = free_port()
    environ = {
        "DATABASE_URL": owner.render_as_string(hide_password=False),
        "PORTAL_INSTANCE": str(folder / "instance"),
        "STRIPE_CONNECT_WEBHOOK_SECRET": f"whsec_next,{SECRET}",
        "WEB_CONCURRENCY": "2",
        "JOBS": "off",
        "PORT": str(port),
    }
    return Server(["-c", "gunicorn.conf.py", "wsgi:app"], environ, folder / "portal.log", port)


def template(account: str) -> bytes:
    """An event of 2.5 KB whose id is still to be put in."""
    content = {
        "id": PLACE.decode(),
        "object": "event",
        "account": account,
        "api_version": "2026-10-28.endive",
        "created": int(time.time()),
        "data": {"object": {"id": account, "object": "account", "metadata": {"filler": ""}}},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": "account.updated",
    }
    content["data"]["object"]["metadata"]["filler"] = "x" * (BODY_BYTES - len(json.dumps(content)))  # type: ignore[index]
    return json.dumps(content).encode()


class Client:
    """One of Stripe's senders: a connection kept open, a delivery at a time."""

    def __init__(self, port: int, path: str, accounts: list[str], seed: int) -> None:
        self.port, self.path = port, path
        self.chance = random.Random(seed)
        self.bodies = [template(account) for account in accounts]
        self.connection: http.client.HTTPConnection | None = None
        self.sent = Sent()
        self.last: list[tuple[str, bytes]] = []

    def run(self, until: float) -> Sent:
        """Deliver until a moment of the monotonic clock."""
        while time.monotonic() < until:
            again = bool(self.last) and self.chance.random() < DUPLICATES
            event_id, body = self.chance.choice(self.last) if again else self._new()
            started = time.monotonic()
            status = self._post(body)
            if status != 200:
                self.sent.refused[status] += 1
                continue
            self.sent.milliseconds.append((time.monotonic() - started) * 1000)
            if again:
                self.sent.repeated += 1
            else:
                self.sent.acknowledged.append(event_id)
                self.last = [*self.last[-49:], (event_id, body)]
        return self.sent

    def _new(self) -> tuple[str, bytes]:
        event_id = f"evt_{self.chance.getrandbits(128):032x}"
        return event_id, self.chance.choice(self.bodies).replace(PLACE, event_id.encode())

    def _post(self, body: bytes) -> int:
        stamp = str(int(time.time()))
        digest = hmac.new(SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        headers = {"Stripe-Signature": f"t={stamp},v1={digest}", "Content-Type": "application/json"}
        try:
            self.connection = self.connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
            self.connection.request("POST", self.path, body, headers)
            answer = self.connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self.connection = None
            self.sent.broken += 1
            return 0
        return answer.status


def _client(port: int, path: str, accounts: list[str], seed: int, seconds: float, told: Any) -> None:
    told.put(Client(port, path, accounts, seed).run(time.monotonic() + seconds))


def load(port: int, path: str, accounts: list[str], seconds: float, clients: int, seed: int) -> Measured:
    """So many client processes for so long."""
    context = multiprocessing.get_context("fork")
    told = context.Queue()
    jobs = [
        context.Process(target=_client, args=(port, path, accounts, seed * 1000 + n, seconds, told), daemon=True)
        for n in range(clients)
    ]
    for job in jobs:
        job.start()
    whole = Sent()
    for _ in jobs:
        part = told.get(timeout=seconds + 60)
        whole.acknowledged += part.acknowledged
        whole.milliseconds += part.milliseconds
        whole.repeated += part.repeated
        whole.refused += part.refused
        whole.broken += part.broken
    for job in jobs:
        job.join()
    return Measured(seconds, whole)


def measure_bare(engine: Engine, folder: Path, seconds: float, clients: int, seed: int) -> Measured:
    """The bare view under the same load."""
    with bare_server(engine, folder) as server:
        return load(server.port, "/", ["acct_bare"], seconds, clients, seed)


def measure_portal(
    app: Flask, engine: Engine, folder: Path, seconds: float, clients: int, seed: int, *, killing: bool = False
) -> Measured:
    """The portal under load; `killing` a worker again and again. Then looks for what was acknowledged."""
    with engine.connect() as connection:
        accounts = [str(account) for account in connection.scalars(select(Creator.stripe_account_id))]
    with portal_server(app, folder) as server, _killer(server if killing else None, seed) as kills:
        found = load(server.port, CONNECT, accounts, seconds, clients, seed)
    with engine.connect() as connection:
        stored = set(connection.scalars(select(StripeEvent.id)))
    return Measured(seconds, found.sent, len(kills), len(set(found.sent.acknowledged) - stored))


@contextmanager
def _killer(server: Server | None, seed: int) -> Iterator[list[float]]:
    kills: list[float] = []
    stop = Event()

    def kill() -> None:
        chance = random.Random(seed)
        while server is not None and not stop.wait(KILL_EVERY):
            server.kill_a_worker(chance)
            kills.append(time.monotonic())

    thread = Thread(target=kill, daemon=True)
    thread.start()
    try:
        yield kills
    finally:
        stop.set()
        thread.join()


def process_all(app: Flask, engine: Engine, workers: int = 4) -> Counter[str]:
    """Process what was stored; how many events there are, and how many were not processed just once."""

    def work(_: int) -> None:
        with app.app_context():
            while process_due(app.extensions["stripe_gateway"], clock=utc_now):
                pass

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, range(workers)))
    with engine.connect() as connection:
        rows = connection.execute(select(StripeEvent.id, StripeEvent.state, StripeEvent.tries)).all()
        done = Log.type == "WEBHOOK_PROCESSING_SUCCESS"
        successes = Counter(connection.scalars(select(Log.details["eventId"].astext).where(done)))
    once = [row for row in rows if row.state == InboxState.PROCESSED and row.tries == 1 and successes[row.id] == 1]
    return Counter(events=len(rows), not_once=len(rows) - len(once))


def describe(name: str, found: Measured) -> str:
    """One line of the table."""
    return (
        f"{name:<22}{found.stored_per_second:8.0f} stored/s {found.per_second:8.0f} answered/s"
        f"   p50 {found.percentile(0.5):6.1f} ms   p99 {found.percentile(0.99):6.1f} ms"
        f"   refused {sum(n for status, n in found.sent.refused.items() if status)}   broken {found.sent.broken}"
    )


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.webhooks", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--accounts", type=int, default=50)
    given = parser.parse_args(arguments)
    with ExitStack() as stack:
        made = tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True)
        folder = Path(stack.enter_context(made))
        url = stack.enter_context(stripe(folder))
        app = stack.enter_context(portal(folder, url))
        seed(app, given.accounts, url)
        engine = create_engine(app.extensions["database_urls"].owner, poolclass=NullPool)
        before = os.getloadavg()[0]
        bare = measure_bare(engine, folder, given.seconds, given.clients, 1)
        calm = measure_portal(app, engine, folder, given.seconds, given.clients, 2)
        killed = measure_portal(app, engine, folder, given.seconds, given.clients, 3, killing=True)
        with redirect_stderr(stack.enter_context((folder / "log.ndjson").open("w"))):
            processed = process_all(app, engine)
    print(f"{os.cpu_count()} cores, load average {before:.1f} before and {os.getloadavg()[0]:.1f} after")
    print(describe("bare insert", bare), describe("portal", calm), describe("portal, killed", killed), sep="\n")
    ratio = calm.per_second / max(bare.per_second + 0.0, 1e-9)
    print(f"the portal answers {ratio:.2f} of what the bare view does")
    print(f"{killed.kills} workers killed; {calm.lost + killed.lost} acknowledged events lost")
    print(f"{processed['events']} events processed, {processed['not_once']} of them not just once")
    return 1 if calm.lost or killed.lost or processed["not_once"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
