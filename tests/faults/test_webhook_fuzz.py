"""1,500 fuzzed deliveries: the CI size of `python -m tests.faults.webhook_fuzz`."""

import time

from flask import Flask

from tests.faults.webhook_fuzz import Fuzzer, Sent, fuzz, is_signed, signed_header
from tests.webhooks.test_receiving import CONNECT


def test_fuzzed_deliveries_are_never_a_server_error_and_store_nothing_unsigned(app: Flask) -> None:
    outcome = fuzz(app, 1500, seed=7)
    assert outcome.wrong == []
    assert outcome.unsigned == []
    assert outcome.stored > 100
    assert outcome.answers[400] > 300
    assert sum(outcome.answers.values()) == 1500


def test_the_fuzzers_own_oracle_tells_signed_from_unsigned() -> None:
    now = int(time.time())
    ours = "whsec_test_connect"
    for at, secret, signed in ((now, ours, True), (now, "x", False), (now - 400, ours, False)):
        assert is_signed(Sent(CONNECT, b"{}", signed_header(b"{}", secret, at))) is signed


def test_a_seed_makes_the_same_bodies_again() -> None:
    first, again = Fuzzer(3), Fuzzer(3)
    assert [first.next().body for _ in range(50)] == [again.next().body for _ in range(50)]
