"""PostgreSQL gone for a while under load: every answer keeps its rows, once, and the portal recovers by itself.

`python -m tests.faults.database_stop --seconds N`: a real gunicorn of two workers with its jobs; creators ask,
an admin approves, Stripe posts events, and strangers, readers and people signing in are each answered with a
request id that is kept outside. The whole server is killed, stays away for N seconds and is started again.
Afterwards every kept request id must have its row exactly once. Exit status 1 if anything differs.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, HTTPRedirectHandler, Request, build_opener, urlopen

import psutil
from sqlalchemy import URL, create_engine, select
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from portal.audit.spool import Spool
from portal.models import Log
from tests.browser import PASSWORD
from tests.faults.database_kills import Load, kill_server, lost, marketplace, restart_server
from tests.faults.scratch import scratch_folder, scratch_server
from tests.portal_process import PortalProcess, Visitor, wait_until
from tests.webhooks.test_receiving import CONNECT

TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
GONE = re.compile(r"^(?:\[.*WARNING in outages: )?([\w-]+): the database is gone, trying again")
SLOWEST_P99 = 5.0
"""Seconds: a connection is waited for 3; the rest is the machine's."""
PAUSE = 0.02
EXPECTED = {200, 302, 400, 401, 429, 503}
UNAUTHORIZED, FORGED, LOGIN, REFUSED = (
    "PAYOUT_REQUEST_UNAUTHORIZED",
    "WEBHOOK_SIGNATURE_VERIFICATION_FAILED",
    "USER_LOGIN",
    "API_ERROR",
)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: its request id, the row it promises, how long it took and when."""

    request_id: str
    status: int
    promises: str | None
    seconds: float
    at: float


class Unfollowed(HTTPRedirectHandler):
    """A redirect is an answer like any other."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Crowd:
    """People whose every answer is kept."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.answers: list[Answer] = []
        self.unanswered: list[str] = []
        self.lock = Lock()

    def start(self) -> None:
        """Two strangers, a forger, two readers, two who sign in."""
        for life in (self.stranger, self.stranger, self.forger, self.reader, self.reader, self.guest, self.guest):
            self.load.start(lambda life=life: life)  # type: ignore[misc]

    def ask(self, path: str, promises: Callable[[int], str | None], **options: Any) -> int:
        """Ask for `path`, keep the answer and what row it promises."""
        open_ = options.pop("opener", urlopen)
        began = time.monotonic()
        try:
            with open_(Request(self.load.url + path, **options), timeout=30) as answer:
                status, headers = answer.status, answer.headers
        except HTTPError as error:
            with error:
                status, headers = error.code, error.headers
        except (OSError, HTTPException) as error:
            with self.lock:
                self.unanswered.append(f"{path}: {error!r}")
            raise
        took = time.monotonic() - began
        promised = REFUSED if status == 503 else promises(status)
        with self.lock:
            self.answers.append(Answer(headers["X-Request-Id"], status, promised, took, time.monotonic()))
        self.load.stopped.wait(PAUSE)
        return int(status)

    def stranger(self) -> None:
        """Asks for a payout without being anybody: 401, and a row that needs no database to be promised."""
        visitor, token = self.at_the_door()
        headers = {"Content-Type": "application/json", "X-CSRFToken": token}
        promised = {401: UNAUTHORIZED}.get
        path = "/api/creators/payouts/request"
        self.ask(path, promised, opener=visitor.opener.open, data=b"{}", headers=headers)

    def at_the_door(self) -> tuple[Visitor, str]:
        """Somebody on the sign-in page, with its token."""
        visitor = Visitor(self.load.url)
        found = TOKEN.search(visitor.get("/login"))
        assert found is not None
        return visitor, found[1]

    def forger(self) -> None:
        """Posts an event with a false signature: 400."""
        self.ask(CONNECT, lambda status: FORGED, data=b"{}", headers={"Stripe-Signature": "t=1,v1=00"})

    def reader(self) -> None:
        """Reads the creator's page for as long as a session lasts."""
        visitor = self.load.signed_in(self.load.emails[1], "/dashboard/creator")
        while not self.load.stopped.is_set():
            self.ask("/dashboard/creator", lambda status: None, opener=visitor.opener.open)

    def guest(self) -> None:
        """Signs in."""
        visitor, token = self.at_the_door()
        form = {"csrf_token": token, "email": self.load.emails[2], "password": PASSWORD}
        cookies = next(one for one in visitor.opener.handlers if isinstance(one, HTTPCookieProcessor))
        keep = build_opener(Unfollowed, cookies).open
        self.ask("/login", {302: LOGIN}.get, opener=keep, data=urlencode(form).encode())


def workers(portal: PortalProcess) -> set[int]:
    """The process ids of gunicorn's workers."""
    return {child.pid for child in psutil.Process(portal.process.pid).children()}


def differences(owner: URL, answers: list[Answer], stopped: datetime, started: datetime) -> list[str]:
    """What the book says otherwise than the answers, one sentence each."""
    promised = {(answer.request_id, answer.promises) for answer in answers if answer.promises}
    with Session(create_engine(owner, poolclass=NullPool)) as session:
        rows = session.execute(
            select(Log.request_id, Log.type, Log.details, Log.txid).order_by(Log.created_at, Log.id)
        ).all()
    found = Counter((str(request_id), type_) for request_id, type_, _, _ in rows)
    wrong = [f"{type_} of {id_}: {found[id_, type_]} rows" for id_, type_ in promised if found[id_, type_] != 1]
    spooled = [(txid, details["spooledAt"]) for _, _, details, txid in rows if "spooledAt" in details]
    for txid in {txid for txid, _ in spooled}:
        times = [at for other, at in spooled if other == txid]
        wrong += [] if times == sorted(times) else [f"replay {txid} is out of order"]
    told = [details for _, type_, details, _ in rows if type_ == "DATABASE_CONNECTION_LOST"]
    if sum(one["spooledLogs"] for one in told) != len(spooled):
        wrong.append(f"{len(spooled)} rows waited, told were {[one['spooledLogs'] for one in told]}")
    if not any(_covers(one, stopped, started) for one in told):
        wrong.append(f"no row says that it was gone from {stopped} to {started}: {told}")
    return wrong


def _covers(one: dict[str, Any], stopped: datetime, started: datetime) -> bool:
    begun = (datetime.fromisoformat(one["from"]) - stopped).total_seconds()
    return -1 < begun < 3 and datetime.fromisoformat(one["until"]) >= started and one["droppedLogs"] == 0


@dataclass(slots=True)
class Stop:
    """One stop of the server, and what was seen."""

    seconds: float
    folder: Path
    spooled: int = 0
    waited: float = 0.0
    spans: tuple[float, float] = field(init=False)
    moments: tuple[datetime, datetime] = field(init=False)

    def take_place(self) -> None:
        """Kill the server, wait, start it, and wait until nothing waits on disk."""
        spool = Spool(self.folder / "instance" / "spool")
        gone, gone_at = datetime.now(UTC), time.monotonic()
        kill_server(self.folder / "data")
        time.sleep(self.seconds)
        back_at = time.monotonic()
        restart_server(self.folder / "data")
        back = datetime.now(UTC)
        self.spooled = sum(len(path.read_bytes().splitlines()) for path in spool.folder.glob("*.ndjson"))
        self.spans, self.moments = (gone_at, back_at), (gone, back)
        wait_until(lambda: not spool.waits(), "the spool to be replayed", 30)
        self.waited = time.monotonic() - back_at


def journal(log: Path) -> dict[str, int]:
    """What the portal's own output says of the outage."""
    lines = log.read_text(errors="replace").splitlines()
    said = Counter(found[1] for found in map(GONE.search, lines) if found)
    return {
        "tick kinds that said gone": len(said),
        "lines of the busiest kind": max(said.values(), default=0),
        "stack traces": sum(line.startswith("Traceback") for line in lines),
    }


def stop_under_load(seconds: float) -> bool:
    """The whole run, with its table on standard output; whether nothing differs."""
    with scratch_folder() as folder, scratch_server(folder, durable=True) as server:
        with marketplace(folder, server, WEB_CONCURRENCY="2") as (owner, load, portal):
            crowd = Crowd(load)
            crowd.start()
            load.kept.await_work()
            before = workers(portal)
            stop = Stop(seconds, folder)
            stop.take_place()
            load.kept.await_work()
            load.stop()
            wait_until(lambda: not Spool(folder / "instance" / "spool").waits(), "nothing to wait", 30)
            after = workers(portal)
            wrong = differences(owner, crowd.answers, *stop.moments)
            wrong += lost(owner, load.kept)
        said = journal(folder / "portal.log")
        if os.environ.get("KEEP_LOG"):
            shutil.copy(folder / "portal.log", os.environ["KEEP_LOG"])
    during = [a for a in crowd.answers if stop.spans[0] < a.at - a.seconds and a.at < stop.spans[1]]
    times = sorted(answer.seconds for answer in during)
    p99 = statistics.quantiles(times, n=100)[98] if len(times) > 1 else 0.0
    wrong += [f"workers {before} became {after}"] if before != after else []
    wrong += [f"99 % of the answers took up to {p99:.1f} s"] if p99 > SLOWEST_P99 else []
    wrong += [f"no answer: {one}" for one in crowd.unanswered]
    odd = [answer for answer in crowd.answers if answer.status not in EXPECTED or not answer.request_id]
    wrong += [f"an odd answer: {one}" for one in odd]
    wrong += [f"{said['stack traces']} stack traces"] if said["stack traces"] else []
    wrong += ["the spool held nothing"] if not stop.spooled else []
    wrong += ["a kind of tick said it more than once a worker"] if said["lines of the busiest kind"] > 2 else []
    statuses = Counter(answer.status for answer in during)
    figures = {
        "seconds without the database": seconds,
        "answers kept": len(crowd.answers),
        "of these while it was gone": len(during),
        "answered by status": json.dumps(dict(sorted(statuses.items()))),
        "median, while gone (ms)": round(statistics.median(times) * 1000) if times else 0,
        "p99, while gone (ms)": round(p99 * 1000),
        "slowest, while gone (ms)": round(max(times, default=0) * 1000),
        "lines in the spool": stop.spooled,
        "replayed after (s)": round(stop.waited, 1),
        "payouts acknowledged": json.dumps(load.kept.counts()),
        **said,
        "differences": len(wrong),
    }
    for name, value in figures.items():
        print(f"{name:<30}{value:>12}")
    print("\n".join(wrong[:20]))
    return not wrong


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=30)
    sys.exit(0 if stop_under_load(parser.parse_args().seconds) else 1)
