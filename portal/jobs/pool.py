"""A bounded pool of parallel work: at most so many items at once, each an operation of its own."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

from flask import Flask

from portal.audit.actor import operation

T = TypeVar("T")
R = TypeVar("R")
THREADS = 16
"""Twice the calls that Stripe gets at once (jobs.pacing): while some wait for it, others work on the database."""
PULSE_SECONDS = 2.0


def each(
    app: Flask,
    items: Iterable[T],
    act: Callable[[T], R],
    *,
    threads: int = THREADS,
    pulse: float = PULSE_SECONDS,
) -> Iterator[list[R]]:
    """Act on every item in parallel; yields what has ended, and an empty list when nothing did for a pulse.

    Few items wait in the pool, however many there are. When the caller stops reading, what has begun
    ends and nothing more begins. What `act` raises is raised here.
    """

    def alone(item: T) -> R:
        with app.app_context(), operation():
            return act(item)

    rest = iter(items)
    with ThreadPoolExecutor(threads, thread_name_prefix="job") as pool:
        pending: set[Future[R]] = {pool.submit(alone, item) for item in islice(rest, threads * 2)}
        try:
            while pending:
                done, pending = wait(pending, timeout=pulse, return_when=FIRST_COMPLETED)
                pending |= {pool.submit(alone, item) for item in islice(rest, len(done))}
                yield [future.result() for future in done]
        finally:
            for future in pending:
                future.cancel()
