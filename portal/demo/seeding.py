"""Filling an empty database, and the local Stripe beside it, with a coherent ninety days."""

import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr
from datetime import datetime, timedelta

from flask import Flask
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from portal.demo import fresh, loading, noise
from portal.demo.accounts import tell_accounts
from portal.demo.cast import PASSWORD
from portal.demo.chance import DAY, Chance
from portal.demo.jobs import refuse_some, run_jobs
from portal.demo.oddities import happen
from portal.demo.people import invite, validate_newcomers
from portal.demo.rows import LOG_COLUMNS, Books
from portal.demo.sales import trade
from portal.demo.script import pay_creators_who_ask
from portal.demo.stripe import LocalStripe
from portal.demo.world import DAYS, World
from portal.domain.people import HASHER
from portal.domain.work import utc_now

SEED = 20_260
LOGS = 50_000
MANY = 200_000
"""From so many rows on, a top-up locks the log and builds its indexes anew."""
LEAST_BOOKINGS, MOST_BOOKINGS, LOGS_A_BOOKING = 60, 2_500, 32
Say = Callable[[str], None]


class RealStripe(Exception):
    """The demo never touches a real Stripe account."""


def seed(app: Flask, logs: int | None = None, now: datetime | None = None, say: Say = lambda _: None) -> None:
    """Fill an empty database; leave another as it is, unless it has fewer than `logs` rows of `log`.

    Raises RealStripe and LocalStripeMissing.
    """
    now = now or utc_now()
    with _owner(app) as connection:
        found = connection.scalar(text('select exists (select from "user")'))
        if found:
            return _top_up(connection, logs, now, say) if logs else None
    return _begin(app, LOGS if logs is None else logs, now, say)


@contextmanager
def _owner(app: Flask) -> Iterator[Connection]:
    """One transaction as the database's owner, who alone may write the past."""
    engine = create_engine(app.extensions["database_urls"].owner, poolclass=NullPool)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def _begin(app: Flask, logs: int, now: datetime, say: Say) -> None:
    stripe = _local_stripe(app)
    stripe.wait()
    with _timed(say, "The story of ninety days"):
        world = _tell(app, logs, now)
    with _timed(say, f"{len(world.objects):,} objects at the local Stripe"):
        stripe.load(world.objects)
    with _timed(say, f"{logs:,} log rows"), _owner(app) as connection:
        _load(connection, world, logs)
    with _timed(say, "Fresh payouts"), app.app_context(), redirect_stderr(io.StringIO()):
        fresh.act(app, world)
        for stripe_payout_id in world.departing:
            stripe.depart(stripe_payout_id)


def _local_stripe(app: Flask) -> LocalStripe:
    settings = app.extensions["settings"]
    if not settings.sandbox or settings.stripe_api_base is None:
        raise RealStripe("The demo is for the local Stripe only: unset STRIPE_SECRET_KEY.")
    return LocalStripe(settings.stripe_api_base, settings.stripe_secret_key)


def _tell(app: Flask, logs: int, now: datetime) -> World:
    """Make everything up, in memory."""
    percent = app.extensions["settings"].platform_fee_percent
    world = World(now - timedelta(minutes=1), Chance(SEED), percent)
    invite(world, HASHER.hash(PASSWORD))
    validate_newcomers(world)
    trade(world, min(max(logs // LOGS_A_BOOKING, LEAST_BOOKINGS), MOST_BOOKINGS))
    pay_creators_who_ask(world)
    run_jobs(world)
    refuse_some(world)
    happen(world)
    tell_accounts(world)
    return world


def _load(connection: Connection, world: World, logs: int) -> None:
    loading.make_partitions(connection, world.start - DAY, world.now)
    loading.load_tables(connection, world.books)
    told = len(world.books.log) + len(world.books.numbered) + fresh.ROWS
    with loading.indexed_at_the_end(connection):
        loading.load_numbered(connection, world.books)
        _write_days(connection, Chance(SEED + 1), logs - told, world.now, world.books)
    loading.finish(connection)


def _write_days(connection: Connection, chance: Chance, count: int, now: datetime, books: Books) -> None:
    visitors = noise.read_visitors(connection)
    for lines in noise.days(visitors, chance, count=max(count, 0), now=now, story=books.log):
        loading.copy_lines(connection, "log", LOG_COLUMNS, lines)


def _top_up(connection: Connection, logs: int, now: datetime, say: Say) -> None:
    """More traffic around the story that is there."""
    held = loading.count_logs(connection)
    if held >= logs:
        return say(f"The database holds {held:,} log rows already; nothing to add.")
    with _timed(say, f"{logs - held:,} more log rows, {logs:,} in all"):
        loading.make_partitions(connection, now - DAYS * DAY, now)
        many = logs - held >= MANY
        with loading.indexed_at_the_end(connection) if many else nullcontext():
            _write_days(connection, Chance(SEED + held), logs - held, now, Books())
        loading.finish(connection)
    return None


@contextmanager
def _timed(say: Say, what: str) -> Iterator[None]:
    begun = time.monotonic()
    yield
    say(f"{what}: {time.monotonic() - begun:.1f} s")
