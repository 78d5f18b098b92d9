"""4,000 rows by 16 writers: the CI size of `python -m tests.faults.live_tail`."""

from flask import Flask

from tests.factories import Factory
from tests.faults.live_tail import follow


def test_following_misses_no_row_and_shows_none_twice(app: Flask, factory: Factory) -> None:
    outcome = follow(app, rows=4000, writers=16, email=factory.admin().email, seed=7)
    assert (outcome.missed, outcome.twice, outcome.never_committed) == (0, 0, 0), str(outcome)
    assert outcome.written.rolled_back > 0
    assert len(outcome.follower.seen) >= 4000
