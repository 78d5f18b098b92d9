"""The benchmark of automatic payouts, in small: it runs, pays everybody and says what it measured."""

from flask import Flask

from benchmarks.payout_job import CALLS, measure
from portal.jobs.pacing import CALLS_AT_ONCE
from portal.stripe_sandbox.server import RunningSandbox
from tests.factories import Factory


def test_a_small_benchmark_pays_everybody_with_three_calls_each(
    app: Flask, factory: Factory, running_sandbox: RunningSandbox, change_settings: object
) -> None:
    assert callable(change_settings)
    change_settings(payout_auto_approve_limit=1000)
    found = measure(app, 12, 20, running_sandbox.url)
    assert found.succeeded == 12
    assert found.ideal_seconds == 12 * CALLS * 0.020 / CALLS_AT_ONCE
    assert found.call_ms >= 20
    assert found.seconds < 30
    assert len(factory.sandbox.ledger()["payouts"]) == 12
