"""Stripe at a pace that it takes: few calls at once, after a 429 every reader waits, and reads are asked again.

What creates is never asked again here: whether, when and with which key is the sender's rule. Nor does it
wait long: the sender has just checked its lease, which lasts for two calls.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from threading import BoundedSemaphore, Lock
from typing import Any, cast

from portal.domain.gateway import StripeFailure, StripeGateway

CALLS_AT_ONCE = 8
TRIES = 6
SHORTEST = timedelta(seconds=1)
LONGEST = timedelta(seconds=20)
TOO_MANY = 429
CREATES = frozenset({"create_payout", "cancel_payout"})


def paced(gateway: StripeGateway, *, sleep: Callable[[float], None] = time.sleep) -> StripeGateway:
    """`gateway`, slowed down for all its callers together when Stripe says that they are too many."""
    return cast(StripeGateway, _Paced(gateway, sleep))


class _Paced:
    """Passes every call on, when the pause that a 429 began is over."""

    def __init__(self, gateway: StripeGateway, sleep: Callable[[float], None]) -> None:
        self._gateway = gateway
        self._sleep = sleep
        self._lock = Lock()
        self._slots = BoundedSemaphore(CALLS_AT_ONCE)
        self._resume_at = 0.0
        self._refused = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._gateway, name)
        return partial(self._call, name, found) if callable(found) else found

    def _call(self, name: str, call: Callable[..., Any], *args: Any) -> Any:
        creates = name in CREATES
        for last in (*(False,) * (TRIES - 1), True):
            if not creates:
                self._wait()
            try:
                with self._slot(creates):
                    answer = call(*args)
            except StripeFailure as failure:
                if failure.http_status != TOO_MANY:
                    raise
                self._slow_down(failure.retry_after)
                if last or creates:
                    raise
            else:
                self._refused = 0
                return answer
        raise AssertionError("unreachable")

    @contextmanager
    def _slot(self, creates: bool) -> Iterator[None]:
        """One of the calls at once; what creates goes ahead after half a call's time, slot or not."""
        patience = self._gateway.timeout.total_seconds() / 2 if creates else None
        taken = self._slots.acquire(timeout=patience)
        try:
            yield
        finally:
            if taken:
                self._slots.release()

    def _wait(self) -> None:
        pause = self._resume_at - time.monotonic()
        if pause > 0:
            self._sleep(pause)

    def _slow_down(self, asked: timedelta | None) -> None:
        """Nobody calls for as long as Stripe asks, or twice as long each time it says no again."""
        with self._lock:
            now = time.monotonic()
            if self._resume_at <= now:
                self._refused += 1
            pause = asked or min(SHORTEST * 2 ** (self._refused - 1), LONGEST)
            self._resume_at = max(self._resume_at, now + min(pause, LONGEST).total_seconds())
