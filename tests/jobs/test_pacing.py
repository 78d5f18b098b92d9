"""Stripe's pace: few calls at once, Retry-After and back-off after a 429, and creations never repeated."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Lock
from typing import Any, cast

import pytest

from portal.domain.gateway import StripeFailure, StripeGateway
from portal.jobs.pacing import CALLS_AT_ONCE, LONGEST, TRIES, paced


class Slow:
    """A Stripe that counts who calls at once, and says 429 as often as told."""

    timeout = timedelta(seconds=20)
    api_version = "test"

    def __init__(self, *refusals: timedelta | None) -> None:
        self.refusals = list(refusals)
        self.now = self.most = self.calls = 0
        self.lock = Lock()

    def retrieve_balance(self, account: str) -> str:
        with self.lock:
            self.now += 1
            self.calls += 1
            self.most = max(self.most, self.now)
        time.sleep(0.01)
        with self.lock:
            self.now -= 1
        if self.refusals:
            raise StripeFailure("slow down", type="rate", http_status=429, retry_after=self.refusals.pop(0))
        return account

    create_payout = retrieve_balance


def pace(slow: Slow, slept: list[float]) -> Any:
    return paced(cast(StripeGateway, slow), sleep=slept.append)


def test_few_calls_are_made_at_once_however_many_threads_ask() -> None:
    slow = Slow()
    gateway = pace(slow, [])
    with ThreadPoolExecutor(CALLS_AT_ONCE * 3) as pool:
        answers = list(pool.map(gateway.retrieve_balance, map(str, range(60))))
    assert answers == [str(n) for n in range(60)]
    assert 1 < slow.most <= CALLS_AT_ONCE


def test_a_reader_waits_as_long_as_stripe_asks_and_asks_again() -> None:
    slept: list[float] = []
    assert pace(Slow(timedelta(seconds=7)), slept).retrieve_balance("a") == "a"
    assert slept == [pytest.approx(7, abs=0.5)]


def test_without_an_answer_how_long_each_no_doubles_the_wait() -> None:
    slept: list[float] = []
    slow = Slow(*[None] * (TRIES - 1))
    gateway = paced(cast(StripeGateway, slow), sleep=lambda pause: (slept.append(pause), _pass(gateway))[0])
    assert gateway.retrieve_balance("a") == cast(Any, "a")
    assert slept == [pytest.approx(seconds, abs=0.5) for seconds in (1, 2, 4, 8, 16)]


def _pass(gateway: Any) -> None:
    """The pause is over."""
    gateway._resume_at = 0.0


def test_no_wait_is_longer_than_the_longest() -> None:
    slept: list[float] = []
    pace(Slow(timedelta(hours=1)), slept).retrieve_balance("a")
    assert slept == [pytest.approx(LONGEST.total_seconds(), abs=0.5)]


def test_a_reader_gives_up_in_the_end() -> None:
    slow = Slow(*[None] * 50)
    with pytest.raises(StripeFailure):
        pace(slow, []).retrieve_balance("a")
    assert slow.calls == TRIES


def test_a_creation_is_never_repeated_and_does_not_wait() -> None:
    slept: list[float] = []
    slow = Slow(timedelta(seconds=5))
    gateway = pace(slow, slept)
    with pytest.raises(StripeFailure):
        gateway.create_payout("a")
    assert (slow.calls, slept) == (1, [])
    assert gateway.create_payout("b") == "b"
    assert slept == []
