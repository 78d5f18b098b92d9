"""The log's explorer on millions of rows, over HTTP, beside Flask-Admin and Django's admin on the same rows.

`python -m benchmarks.explorer --rows 10000000` makes the rows in a throw-away PostgreSQL, starts gunicorn with
the portal as it runs in production, signs in, and asks every question of explorer_pages again and again. Beside
each: the same template on constants in the same process, and what the two others take for the same question.
`--keep DIR` leaves the rows there, `--reuse DIR` measures on them again, `--grow 1000000,10000000` compares
sizes. Exit status 1 when a goal is missed, with --strict only: a busy machine misses goals too.
"""

import argparse
import importlib.util
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.cluster import CARELESS, DURABLE, Cluster
from benchmarks.constants import RECORD
from benchmarks.explorer_pages import Question, questions, read_book
from benchmarks.explorer_report import Found, growth, heading, said, verdict
from benchmarks.http_clock import Browser, Timing, timed
from benchmarks.log_people import EMAIL, PASSWORD, people
from benchmarks.log_rows import fill
from benchmarks.webhook_servers import Server, free_port
from portal.jobs.roll_up_logs import count_hours

PEERS = ("flask_admin", "django")
SCHEMA = "select version_num from alembic_version"
THREADS = 8
ROUNDS = 5
"""How often everything is asked in turn: what slows the machine down for a while meets a part of each question."""
OURS_SECONDS, PEER_SECONDS = 2.0, 2.0
FAILED = Timing((math.inf,))


@dataclass(frozen=True, slots=True)
class Servers:
    """Somebody signed in at each server; None where one is not installed."""

    portal: Browser
    flask_admin: Browser | None
    django: Browser | None


def make(cluster: Cluster, rows: int) -> None:
    """Fill an empty cluster, carelessly."""
    cluster.restart(CARELESS)
    app = cluster.migrated()
    people(app, cluster.engine(), rows)
    fill(cluster.engine(), rows, lambda words: print(f"  {words}", flush=True))
    started = time.monotonic()
    with app.app_context():
        count_hours(lambda *_: None)
    print(f"  hours counted in {time.monotonic() - started:.0f} s", flush=True)


@contextmanager
def prepared(folder: Path, rows: int) -> Iterator[Cluster]:
    """A durable cluster of so many rows, made unless the folder has it, with the newest schema and statistics."""
    cluster, mark = Cluster(folder), folder / "filled"
    if not mark.exists():
        make(cluster, rows)
        mark.write_text(f"{rows}\n")
    cluster.restart(DURABLE)
    before = cluster.scalar(SCHEMA)
    app = cluster.migrated()
    if cluster.scalar(SCHEMA) != before:
        with app.app_context():
            count_hours(lambda *_: None)
    with cluster.engine().connect() as connection:
        if cluster.scalar(SCHEMA) != before:
            connection.exec_driver_sql("analyze log, transaction_log")
        connection.exec_driver_sql("checkpoint")
    try:
        yield cluster
    finally:
        cluster.stop()


@contextmanager
def servers(cluster: Cluster, folder: Path, peers: Sequence[str]) -> Iterator[Servers]:
    """The portal and the others, each gunicorn with one worker and eight threads, and somebody signed in."""
    with ExitStack() as stack:
        ours = stack.enter_context(
            _gunicorn("benchmarks.constants:app", cluster.environ(), folder, "gunicorn.conf.py")
        )
        ours.sign_in("/login", {"email": EMAIL, "password": PASSWORD})
        environ = {"PEER_DATABASE": cluster.environ()["DATABASE_URL"]}
        found: dict[str, Browser] = {}
        for name in peers:
            module = f"benchmarks.peers.{name}_app"
            if name == "django":
                subprocess.run([sys.executable, "-m", module], env={**os.environ, **environ}, check=True)
            found[name] = stack.enter_context(_gunicorn(f"{module}:app", environ, folder, None))
        if "django" in found:
            found["django"].sign_in("/admin/login/?next=/admin/", {"username": "admin", "password": PASSWORD})
        yield Servers(ours, found.get("flask_admin"), found.get("django"))


@contextmanager
def _gunicorn(app: str, environ: dict[str, str], folder: Path, config: str | None) -> Iterator[Browser]:
    port = free_port()
    if config is None:
        empty = folder / "empty.conf.py"  # without one gunicorn takes the portal's
        empty.touch()
        options = ["-c", str(empty), "-k", "gthread", "--threads", str(THREADS), "-b", f"127.0.0.1:{port}"]
        options += ["--timeout", "600", "--keep-alive", "60", "--no-control-socket"]
    else:
        options = ["-c", config, "--keep-alive", "60"]
    given = {**environ, "PORT": str(port), "WEB_CONCURRENCY": "1"}
    with Server([*options, "-w", "1", app], given, folder / f"{app.partition(':')[0]}.log", port):
        yield Browser(port)


def ask_all(asked: Sequence[Question], at: Servers, ours: int, warm: int) -> list[Found]:
    """Ask everything in rounds, the portal first. One page that fails costs its own goals, not the run."""
    found = [Found(question, Timing(())) for question in asked]
    for n in range(ROUNDS):
        for place, before in enumerate(found):
            try:
                found[place] = before if before.ours == FAILED else _ask(before, at.portal, ours, warm)
            except (RuntimeError, OSError) as error:
                print(f"{before.question.name}: {error}")
                found[place] = Found(before.question, FAILED)
        found = [_ask_others(before, at) for before in found]
        print(f"round {n + 1} of {ROUNDS} done, load {os.getloadavg()[0]:.1f}", flush=True)
    return found


def _ask(before: Found, portal: Browser, ours: int, warm: int) -> Found:
    """Ask the portal one question, a round's share of times; added to what was found before."""
    address, constants = before.question.address, before.constants
    share = {"most": math.ceil(ours / ROUNDS), "seconds": OURS_SECONDS / ROUNDS, "warm": warm}
    if before.question.rendered:
        portal.get(address, {RECORD: "1"})
        found = timed(portal, f"/constants{address}", **share)
        constants = constants + found if constants else found
    return replace(before, ours=before.ours + timed(portal, address, **share), constants=constants)


def _ask_others(before: Found, at: Servers) -> Found:
    """Ask the others the same question once."""
    asked = before.question
    return replace(
        before,
        flask_admin=_peer(at.flask_admin, "/admin/log/?", asked.flask_admin, before.flask_admin),
        uncounted=_peer(at.flask_admin, "/admin/uncounted/?", asked.flask_admin, before.uncounted),
        django=_peer(at.django, "", asked.django, before.django),
    )


def _peer(browser: Browser | None, base: str, asked: str | None, before: Timing | None) -> Timing | None:
    """One answer more, until they took long enough."""
    if browser is None or asked is None:
        return None
    if before and sum(before.ms) > 1000 * PEER_SECONDS:
        return before
    answer = timed(browser, f"{base}{asked}", most=1, seconds=PEER_SECONDS, warm=0)
    return before + answer if before else answer


def measure(folder: Path, rows: int, peers: Sequence[str], ours: int, warm: int) -> list[Found]:
    """Ask everything on one size."""
    with prepared(folder, rows) as cluster, servers(cluster, folder, peers) as at:
        version = cluster.scalar("show server_version")
        size = cluster.scalar("select pg_size_pretty(pg_database_size(current_database()))")
        print(
            f"\n{rows:,} rows, {size}, PostgreSQL {version}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
        )
        found = ask_all(list(questions(read_book(cluster.scalar))), at, ours, warm)
        print(heading(), *(one.line() for one in found), sep="\n", flush=True)
        return found


def installed() -> tuple[str, ...]:
    """The peers that can be asked."""
    return tuple(name for name in PEERS if importlib.util.find_spec(name))


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.explorer", description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--grow", help="several sizes, as 1000000,10000000: how much longer on more rows")
    parser.add_argument("--keep", type=Path, help="a folder where the rows are left")
    parser.add_argument("--reuse", type=Path, help="a folder that --keep left rows in")
    parser.add_argument("--repeat", type=int, default=50, help="how often each page is asked for, at most")
    parser.add_argument("--warm", type=int, default=3, help="how often it is asked for before")
    parser.add_argument("--no-peers", action="store_true", help="without Flask-Admin and Django")
    parser.add_argument("--strict", action="store_true", help="exit status 1 when a goal is missed")
    given = parser.parse_args(arguments)
    sizes = [int(size) for size in given.grow.split(",")] if given.grow else [given.rows]
    peers = () if given.no_peers else installed()
    with ExitStack() as stack:
        made = given.keep or given.reuse
        folder = made or Path(stack.enter_context(_throw_away()))
        stack.enter_context(redirect_stderr(stack.enter_context(Path(os.devnull).open("w"))))
        results = [(rows, measure(folder / str(rows), rows, peers, given.repeat, given.warm)) for rows in sizes]
    if len(results) > 1:
        print("", *growth(results), sep="\n")
    print("", *said(*results[-1]), sep="\n")
    return 1 if given.strict and verdict(results[-1][1]) else 0


def _throw_away() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
