"""Receiving webhooks: signed 2.5 KB events, three in ten delivered again, against gunicorn with two workers.

`python -m benchmarks.webhooks --seconds 20` measures, on a throw-away PostgreSQL that is as durable as in
production: a bare Flask view that inserts one row, then the portal, then the portal with a worker killed (-9)
every 1.5 s. Clients, servers and PostgreSQL share the machine, so the measure is the ratio to the bare view; the
load average is printed beside it. Exit status 1 when an acknowledged event is lost, or processed not just once.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, redirect_stderr
from pathlib import Path
from threading import Event, Thread

from flask import Flask
from sqlalchemy import Engine, create_engine, select
from sqlalchemy.pool import NullPool

from benchmarks.payout_job import portal, seed, stripe
from benchmarks.webhook_senders import CONNECT, Measured, load
from benchmarks.webhook_servers import Server, bare_server, portal_server
from portal.domain.work import utc_now
from portal.models import Creator, InboxState, Log, StripeEvent
from portal.webhooks.processing import process_due

KILL_EVERY = 1.5


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
