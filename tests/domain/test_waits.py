"""What guesses cost: delays that grow and end, counts that guesses at once cannot exceed, keys by network."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.domain.doors import waits
from portal.domain.doors.waits import (
    FREE,
    LONGEST_DELAY,
    Key,
    delay_after,
    give_back,
    keys_for,
    network_of,
    take_turn,
)
from portal.domain.errors import TooManyGuesses
from portal.models import SignInWait
from portal.unit_of_work import unit_of_work

NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)
ACCOUNT = Key("account", "a")


def guess(app: Flask, *keys: Key, now: datetime = NOW) -> int:
    """Seconds to wait; 0 when the guess is looked at."""
    with app.app_context():
        try:
            with unit_of_work() as unit:
                take_turn(unit, keys, now=now)
        except TooManyGuesses as refusal:
            return refusal.seconds
    return 0


def test_delays_double_up_to_a_quarter_of_an_hour() -> None:
    delays = [delay_after(tries, 5).total_seconds() for tries in range(1, 16)]
    assert delays == [0, 0, 0, 0, 5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900]
    assert delay_after(10**6, 5) == LONGEST_DELAY


def test_a_wait_grows_ends_by_itself_and_is_forgotten_after_a_day(app: Flask) -> None:
    assert [guess(app, ACCOUNT) for _ in range(6)] == [0, 0, 0, 0, 0, 5]
    assert guess(app, ACCOUNT, now=NOW + timedelta(seconds=4)) == 1
    later = NOW + timedelta(seconds=5)
    assert [guess(app, ACCOUNT, now=later), guess(app, ACCOUNT, now=later)] == [0, 10]
    tomorrow = NOW + timedelta(days=1, minutes=1)
    assert [guess(app, ACCOUNT, now=tomorrow) for _ in range(6)] == [0, 0, 0, 0, 0, 5]


def test_guesses_at_once_cannot_exceed(app: Flask, session: Session) -> None:
    keys = keys_for("alice@example.test", "192.0.2.7")
    with ThreadPoolExecutor(12) as pool:
        waited = list(pool.map(lambda _: guess(app, *keys), range(40)))
    assert waited.count(0) == FREE["account"]
    rows = {row.key.partition(":")[0]: row.tries for row in session.scalars(select(SignInWait))}
    assert rows == {"account": FREE["account"], "network": FREE["account"]}


def test_a_refused_guess_counts_for_nothing(app: Flask, session: Session) -> None:
    for _ in range(9):
        guess(app, *keys_for("alice@example.test", "192.0.2.7"))
    network = session.get_one(SignInWait, "network:192.0.2.0/24")
    assert network.tries == FREE["account"]


def test_a_network_that_guesses_at_many_accounts_waits_too(app: Flask) -> None:
    waited = [guess(app, *keys_for(f"p{n}@example.test", f"192.0.2.{n}")) for n in range(31)]
    assert waited == [0] * FREE["network"] + [5]
    assert guess(app, *keys_for("p0@example.test", "198.51.100.9")) == 0


def test_a_right_guess_forgives_the_account_but_not_the_network(app: Flask, session: Session) -> None:
    keys = keys_for("alice@example.test", "192.0.2.7")
    for _ in range(5):
        guess(app, *keys)
    with app.app_context(), unit_of_work() as unit:
        give_back(unit, keys, now=NOW, forgive=True)
    rows = {row.key.partition(":")[0]: row.tries for row in session.scalars(select(SignInWait))}
    assert rows == {"account": 0, "network": 4}
    assert guess(app, *keys) == 0


def test_a_known_browser_is_not_delayed_by_strangers(app: Flask) -> None:
    for _ in range(6):
        guess(app, *keys_for("alice@example.test", "192.0.2.7"))
    assert guess(app, *keys_for("Alice@Example.test ", "198.51.100.1")) > 0
    assert guess(app, *keys_for("alice@example.test", "198.51.100.1", known_browser="b1")) == 0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (None, "unknown"),
        ("no address", "unknown"),
    ],
)
def test_networks(address: str | None, network: str) -> None:
    assert network_of(address) == network


def test_old_counts_are_removed(app: Flask, session: Session) -> None:
    guess(app, ACCOUNT)
    with app.app_context(), unit_of_work() as unit:
        waits.forget_old(unit, now=NOW + timedelta(days=2))
    assert session.scalars(select(SignInWait)).all() == []
