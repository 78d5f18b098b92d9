"""Another process that reads pages of the log, and how long each took."""

import multiprocessing
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection

from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from portal.queries.log_search import LogSearch

PAUSE_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Latency:
    """What a reader's pages took, in milliseconds."""

    pages: int
    median: float
    p95: float
    longest: float


@contextmanager
def reader(url: str) -> Iterator[object]:
    """Somebody in a process of their own who reads one page after another; asking gives what they took since."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_read, args=(url, there), daemon=True)
    process.start()
    here.recv()

    def ask() -> Latency:
        here.send("so far")
        found: Latency = here.recv()
        return found

    yield ask
    here.send(None)
    process.join(timeout=30)


def _read(url: str, told: Connection) -> None:
    engine = create_engine(url)
    now = datetime.now(UTC)
    asked = (
        {},
        {"level": "ERROR"},
        {"type": "PAYOUT_"},
        {"level": "INFO", "to": f"{now - timedelta(days=20):%Y-%m-%d}"},
    )
    searches = [LogSearch.from_args(MultiDict(one), now=now, tz="UTC") for one in asked]
    took: list[float] = []
    with Session(engine) as session:
        _page(session, searches[0])
        told.send("ready")
        while True:
            for search in searches:
                started = time.monotonic()
                _page(session, search)
                took.append((time.monotonic() - started) * 1000)
                time.sleep(PAUSE_SECONDS)
            if told.poll():
                if told.recv() is None:
                    return
                ordered = sorted(took)
                p95 = ordered[int(len(ordered) * 0.95)]
                told.send(Latency(len(took), statistics.median(took), p95, ordered[-1]))
                took = []


def _page(session: Session, search: LogSearch) -> None:
    search.page(session)
    session.rollback()
