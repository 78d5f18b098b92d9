"""How fast rows reach the log: one a commit and many at once, on one connection and on four, beside bare ways.

`python -m benchmarks.ingest` writes on a throw-away PostgreSQL that is as durable as in production, into the
real table with all its indexes. The bare ways beside them, raw INSERT and COPY by psycopg2 with nothing of ours,
write the same rows into the same table in the same run: the measure is the ratio. Exit status 1 when the goal is
missed, with --strict only.
"""

import argparse
import io
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg2
from flask import Flask
from psycopg2.extras import execute_values

from benchmarks.cluster import DURABLE, Cluster
from portal.audit.actor import operation
from portal.audit.system_log import log_info
from portal.models import LogActor
from portal.unit_of_work import unit_of_work

GOAL = 1000
MESSAGE = "Webhook Stripe reçu : payout.paid"
COLUMNS = "level, type, actor, actor_id, message, metadata, request_id"
INSERT = f"insert into log ({COLUMNS}) values %s"
Write = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Way:
    """One way to write: `open` gives what writes `rows` rows and commits, on a connection of its own."""

    name: str
    rows: int
    bare: bool
    open: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Rate:
    """Rows a second in each round, and the commits' milliseconds."""

    way: Way
    connections: int
    rounds: Sequence[float]
    ms: Sequence[float]

    @property
    def median(self) -> float:
        """Rows a second in half of the rounds."""
        return statistics.median(self.rounds)

    def line(self, base: float) -> str:
        """One row of the table; `base` is the rate of the bare way."""
        ordered = sorted(self.ms)
        p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
        commits = self.median / self.way.rows
        return (
            f"{self.way.name:<34}{self.connections:>4}{self.median:>12,.0f}{commits:>11,.0f}"
            f"{self.median / base:>9.2f}{statistics.median(ordered):>10.2f}{p99:>9.2f}{ordered[-1]:>9.1f}"
        )


def facts() -> dict[str, Any]:
    """Metadata as a delivery's row has it."""
    return {
        "eventId": f"evt_{uuid4().hex[:24]}",
        "eventType": "payout.paid",
        "livemode": True,
        "apiVersion": "2026-10-01",
    }


def ways(app: Flask, cluster: Cluster, batch: int) -> list[Way]:
    """All that are measured; each bare way before what is compared with it."""
    address = cluster.environ()["DATABASE_URL"].replace("+psycopg2", "")
    many = f"{batch} rows"
    return [
        Way("raw INSERT, a row a commit", 1, True, lambda: _bare(address, _insert(1))),
        Way("audit.writer apart, a row a commit", 1, False, lambda: _ours(app, _apart)),
        Way(f"raw COPY, {many}", batch, True, lambda: _bare(address, _copy(batch))),
        Way(f"raw INSERT, {many}", batch, False, lambda: _bare(address, _insert(batch))),
        Way(f"unit_of_work, {many}", batch, False, lambda: _ours(app, _joined(batch))),
    ]


@contextmanager
def _bare(address: str, write: Callable[[Any], None]) -> Iterator[Write]:
    connection = psycopg2.connect(address)
    try:
        yield lambda: write(connection)
    finally:
        connection.close()


def _insert(rows: int) -> Callable[[Any], None]:
    def write(connection: Any) -> None:
        with connection, connection.cursor() as cursor:
            execute_values(cursor, INSERT, [_values() for _ in range(rows)], page_size=rows)

    return write


def _copy(rows: int) -> Callable[[Any], None]:
    def write(connection: Any) -> None:
        lines = ("\t".join(value or r"\N" for value in _values()) for _ in range(rows))
        with connection, connection.cursor() as cursor:
            cursor.copy_expert(f"copy log ({COLUMNS}) from stdin", io.StringIO("\n".join(lines)))

    return write


def _values() -> tuple[str | None, ...]:
    return "INFO", "WEBHOOK_RECEIVED", "SYSTEM", None, MESSAGE, json.dumps(facts()), str(uuid4())


@contextmanager
def _ours(app: Flask, write: Write) -> Iterator[Write]:
    def once() -> None:
        with operation():
            write()

    with app.app_context():
        yield once


def _apart() -> None:
    log_info("WEBHOOK_RECEIVED", LogActor.SYSTEM, metadata=facts())


def _joined(rows: int) -> Write:
    def write() -> None:
        with unit_of_work() as session:
            for _ in range(rows):
                log_info("WEBHOOK_RECEIVED", LogActor.SYSTEM, metadata=facts(), session=session)

    return write


def run(way: Way, connections: int, seconds: float) -> tuple[float, list[float]]:
    """Write for so long on so many connections: rows a second, and each commit's milliseconds."""
    taken: list[float] = []

    def work(_: int) -> int:
        commits = 0
        with way.open() as write:
            write()  # the connection is there, the statement compiled
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                began = time.perf_counter()
                write()
                taken.append((time.perf_counter() - began) * 1000)
                commits += 1
        return commits

    with ThreadPoolExecutor(connections) as pool:
        commits = sum(pool.map(work, range(connections)))
    return commits * way.rows / seconds, taken


def measure(app: Flask, cluster: Cluster, seconds: float, rounds: int, batch: int) -> list[Rate]:
    """All ways in turn, again and again, so that a busy moment meets them all."""
    plan = [(way, connections) for connections in (1, 4) for way in ways(app, cluster, batch)]
    found: dict[tuple[str, int], list[tuple[float, list[float]]]] = {}
    for _ in range(rounds):
        for way, connections in plan:
            found.setdefault((way.name, connections), []).append(run(way, connections, seconds))
    rates = []
    for way, connections in plan:
        results = found[way.name, connections]
        rates.append(
            Rate(way, connections, [rate for rate, _ in results], [ms for _, all_ms in results for ms in all_ms])
        )
    return rates


def report(rates: Sequence[Rate], settings: Mapping[str, str]) -> Iterator[str]:
    """The table, and whether the goal is met."""
    yield ", ".join(f"{name} {value}" for name, value in settings.items())
    yield f"{'':<34}{'con.':>4}{'rows/s':>12}{'commits/s':>11}{'ratio':>9}{'ms':>10}{'p99':>9}{'longest':>9}"
    base = 1.0
    for rate in rates:
        base = rate.median if rate.way.bare else base
        yield rate.line(base)
    reached = goal_rate(rates)
    words = "met" if reached >= GOAL else "missed"
    yield f"{reached:,.0f} commits/s of single rows on one connection; the goal of {GOAL:,} is {words}"


def goal_rate(rates: Sequence[Rate]) -> float:
    """Commits a second of single rows on one connection, through the writer."""
    [single] = (rate for rate in rates if rate.way.rows == 1 and not rate.way.bare and rate.connections == 1)
    return single.median


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.ingest", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--strict", action="store_true", help="exit status 1 when the goal is missed")
    given = parser.parse_args(arguments)
    with ExitStack() as stack:
        made = tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True)
        cluster = Cluster(Path(stack.enter_context(made)))
        stack.callback(cluster.stop)
        cluster.restart(DURABLE)
        app = cluster.migrated()
        durable = {name: str(cluster.scalar(f"show {name}")) for name in ("fsync", "synchronous_commit")}
        with redirect_stderr(stack.enter_context(Path(os.devnull).open("w"))):
            load = os.getloadavg()[0]
            rates = measure(app, cluster, given.seconds, given.rounds, given.batch)
        print(f"{os.cpu_count()} cores, load {load:.1f} before and {os.getloadavg()[0]:.1f} after")
        print(*report(rates, durable), sep="\n")
    return 1 if given.strict and goal_rate(rates) < GOAL else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
