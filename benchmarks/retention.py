"""How fast retention deletes, how long a batch takes, and what whoever reads the log notices.

`python -m benchmarks.retention --rows 3000000` fills a throw-away database, a third of it due, and runs the job's
steps on it, while another process reads pages of the log. Readers are measured before and meanwhile in the same
run: the measure is the ratio of the two.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from benchmarks.log_reader import Latency, reader
from portal import create_app
from portal.audit.retention import POLICY, delete_batch
from portal.config import POLICY_DAYS
from portal.database import ensure_database, start_embedded, stop_embedded
from portal.demo.loading import indexed_at_the_end
from portal.extensions import db
from portal.jobs import cleanup_logs
from portal.jobs.cleanup_logs import Cleanup
from portal.jobs.runner import carry_out, claim

DAYS_OLD, DAYS_YOUNG = 70, 30
OLD_SHARE = 0.3652
"""Of the rows, so many are 30 to 100 days old; with the levels below, a third of all rows is due."""
QUIET_SECONDS = 5.0
GOAL_ROWS, GOAL_BATCH_MS = 150_000, 100
ROWS = text("""
insert into log (created_at, level, type, actor, actor_id, message, metadata, request_id)
select :start + n * cast(:step as double precision) * interval '1 second',
    (case when n % 100 < 85 then 'INFO' when n % 100 < 95 then 'WARNING'
          when n % 100 < 99 then 'ERROR' else 'CRITICAL' end)::log_level,
    (array['USER_LOGIN', 'PAYOUT_PAID', 'PAYMENT_SUCCEEDED', 'WEBHOOK_RECEIVED', 'BOOKING_CREATED'])[1 + n % 5],
    'USER', 'user-' || n % 1000, 'Événement numéro ' || n,
    jsonb_build_object('payoutId', 'p-' || n / 5, 'creatorId', 'c-' || n % 300, 'amount', n % 5000,
                       'ipAddress', '10.0.' || n % 250 || '.' || n % 199),
    gen_random_uuid()
from generate_series(0, :count - 1) as n
""")


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of retention."""

    rows: int
    due: int
    deleted: int
    counting_seconds: float
    deleting_seconds: float
    giving_back_seconds: float
    batch_ms: tuple[float, ...]
    weeks: int
    megabytes: tuple[float, float]
    quiet: Latency
    meanwhile: Latency

    @property
    def rows_a_second(self) -> float:
        """Over all batches, from the first one's beginning to the last one's commit."""
        return self.deleted / self.deleting_seconds


def fill(app: Flask, rows: int) -> None:
    """Write the rows as the owner, in the order of their time, and build the indexes once."""
    engine = create_engine(app.extensions["database_urls"].owner, poolclass=NullPool)
    now = datetime.now(UTC)
    old = round(rows * OLD_SHARE)
    with engine.begin() as owner:
        begin = now - timedelta(days=DAYS_OLD + DAYS_YOUNG)
        owner.execute(text("select make_partitions(:first, :now)"), {"first": begin, "now": now})
        with indexed_at_the_end(owner):
            edge = now - timedelta(days=DAYS_YOUNG)
            for start, end, count in ((begin, edge, old), (edge, now, rows - old)):
                step = (end - start).total_seconds() / count
                owner.execute(ROWS, {"start": start, "step": step, "count": count})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as owner:
        owner.execute(text("vacuum analyze log"))
        owner.execute(text("checkpoint"))
    engine.dispose()


def measure(app: Flask, rows: int, quiet_seconds: float = QUIET_SECONDS) -> Measured:
    """Fill the log, then run the job's steps once, with somebody reading before and meanwhile."""
    fill(app, rows)
    with reader(str(app.config["SQLALCHEMY_DATABASE_URI"])) as ask:
        time.sleep(quiet_seconds)
        quiet = ask()
        with timed_batches() as batches:
            cleanup, seconds, megabytes = clean_up()
            meanwhile = ask()
    told = cleanup.run.summary
    weeks = told.get("weeksDropped", 0) + told.get("weeksRewritten", 0)
    return Measured(
        rows, cleanup.due, cleanup.deleted, *seconds, tuple(batches), weeks, megabytes, quiet, meanwhile
    )


def clean_up() -> tuple[Cleanup, tuple[float, float, float], tuple[float, float]]:
    """The job's three steps: counting, deleting, giving back; their seconds, and the log's size around them."""
    run = claim("cleanup-logs", f"manual:{time.time()}")
    assert run is not None
    cleanup, before = Cleanup(run, POLICY_DAYS), _megabytes()
    times = [time.monotonic()]

    def steps(_: object) -> None:
        assert cleanup.begin()
        times.append(time.monotonic())
        for level in POLICY:
            cleanup.delete(level)
        times.append(time.monotonic())
        cleanup.give_back()
        times.append(time.monotonic())

    carry_out(run, steps)
    counting, deleting, giving_back = (b - a for a, b in pairwise(times))
    return cleanup, (counting, deleting, giving_back), (before, _megabytes())


def _megabytes() -> float:
    query = "select sum(pg_total_relation_size(inhrelid)) / 1e6 from pg_inherits where inhparent = 'log'::regclass"
    found = float(db.session.scalar(text(query)) or 0)
    db.session.rollback()
    return found


@contextmanager
def timed_batches() -> Iterator[list[float]]:
    """Milliseconds from one batch's beginning to the next one's: its commit and its record are in it."""
    starts: list[float] = []
    found: list[float] = []

    def timed(*given: object) -> object:
        starts.append(time.monotonic())
        return delete_batch(*given)  # type: ignore[arg-type]

    cleanup_logs.delete_batch = timed  # type: ignore[assignment]
    try:
        yield found
    finally:
        cleanup_logs.delete_batch = delete_batch
        found += [(b - a) * 1000 for a, b in pairwise(starts)]


@contextmanager
def portal(folder: Path) -> Iterator[Flask]:
    """The portal on an empty database of its own."""
    server = start_embedded(folder / "data")
    ensure_database(server, "benchmark")
    url = server.set(database="benchmark").render_as_string(hide_password=False)
    app = create_app({"DATABASE_URL": url, "PORTAL_INSTANCE": str(folder / "instance"), "JOBS": "off"})
    with app.app_context():
        upgrade()
        yield app
        db.session.remove()
        db.engine.dispose()
    stop_embedded(folder / "data")


def report(found: Measured) -> str:
    """The figures in words."""
    before, after = found.megabytes
    quiet, busy = found.quiet, found.meanwhile
    lines = (
        f"{found.rows:,} rows, {found.due:,} due, {found.deleted:,} deleted",
        f"counting {found.counting_seconds:.1f} s (hours first), deleting {found.deleting_seconds:.1f} s,"
        f" giving {found.weeks} weeks back {found.giving_back_seconds:.1f} s; {before:.0f} MB, then {after:.0f}",
        f"{found.rows_a_second:,.0f} rows/s (goal: {GOAL_ROWS:,})",
        f"{len(found.batch_ms)} batches: median {statistics.median(found.batch_ms):.1f} ms,"
        f" longest {max(found.batch_ms):.1f} ms (goal: under {GOAL_BATCH_MS})",
        f"a page for a reader: median {quiet.median:.2f} ms before ({quiet.pages} pages),"
        f" {busy.median:.2f} ms meanwhile ({busy.pages}), ratio {busy.median / quiet.median:.2f};"
        f" 95 % within {quiet.p95:.1f} and {busy.p95:.1f} ms, ratio {busy.p95 / quiet.p95:.2f};"
        f" longest {quiet.longest:.1f} and {busy.longest:.1f} ms",
    )
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Measure and print; fails when a goal is missed."""
    parser = argparse.ArgumentParser(prog="benchmarks.retention", description=__doc__)
    parser.add_argument("--rows", type=int, default=3_000_000, help="rows of the log; a third of them is due")
    given = parser.parse_args(arguments)
    with ExitStack() as stack:
        temporary = tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True)
        folder = Path(stack.enter_context(temporary))
        app = stack.enter_context(portal(folder))
        with (folder / "log.ndjson").open("w") as log, redirect_stderr(log):
            load = os.getloadavg()
            found = measure(app, given.rows)
    print(f"load {load[0]:.2f} before, {os.getloadavg()[0]:.2f} after, {os.cpu_count()} cores\n{report(found)}")
    return 0 if found.rows_a_second >= GOAL_ROWS and max(found.batch_ms) < GOAL_BATCH_MS else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
