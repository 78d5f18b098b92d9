"""Everyday traffic: sign-ins, refusals, errors, stray webhooks; any number of rows, day by day."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Any

from sqlalchemy import Connection, text

from portal.demo import mishaps
from portal.demo.chance import DAY, Chance, weekday_weight
from portal.demo.rows import Books, Operation
from portal.demo.visits import Visitors
from portal.demo.world import DAYS

Act = Callable[[Operation, Visitors], None]


@dataclass(frozen=True, slots=True)
class Day:
    """The rows of 24 hours, as lines of COPY in order."""

    lines: list[str]


ACTS: tuple[tuple[float, Act], ...] = mishaps.ACTS
_WEIGHTS = list(accumulate(weight for weight, _ in ACTS))
_ACTS = [act for _, act in ACTS]


def read_visitors(connection: Connection) -> Visitors:
    """Who signs in and what they touch, from the database itself."""

    def rows(query: str) -> list[Any]:
        return [row._asdict() for row in connection.execute(text(query))]

    return Visitors(
        users=rows("""select id, email, role from "user" where role = 'USER' order by id"""),
        admins=rows("""select id, email, role from "user" where role = 'ADMIN' order by id"""),
        creators=rows(
            "select c.id, u.id as user_id, u.email, u.name, c.currency, c.stripe_account_id as account,"
            ' c.payout_schedule as schedule from creator c join "user" u on u.id = c.user_id'
            " where c.charges_enabled and not c.is_payout_blocked order by c.id"
        ),
        offers=rows(
            "select id, creator_id, title, price_minor, currency from call_offer"
            " where status = 'AVAILABLE' order by id limit 400"
        ),
        bookings=rows(
            "select id, user_id, status from booking"
            " where status in ('CONFIRMED', 'COMPLETED') order by id limit 2000"
        ),
    )


def days(
    visitors: Visitors, chance: Chance, *, count: int, now: datetime, story: list[tuple[datetime, str]]
) -> Iterator[list[str]]:
    """About `count` rows of traffic, merged day by day with the story's own, in order."""
    starts = [now - n * DAY for n in range(DAYS, 0, -1)]
    weights = [weekday_weight(start) * (0.75 + 0.5 * n / DAYS) for n, start in enumerate(starts)]
    waiting = sorted(story, reverse=True)
    made = 0
    for n, start in enumerate(starts):
        target = round(count * sum(weights[: n + 1]) / sum(weights))
        rows = _traffic(visitors, chance, start, target - made)
        made += len(rows)
        while waiting and waiting[-1][0] < start + DAY:
            rows.append(waiting.pop())
        yield [line for _, line in sorted(rows)]
    yield [line for _, line in reversed(waiting)]


def _traffic(visitors: Visitors, chance: Chance, start: datetime, count: int) -> list[tuple[datetime, str]]:
    books, end = Books(), start + DAY
    while len(books.log) < count:
        [act] = chance.random.choices(_ACTS, cum_weights=_WEIGHTS)
        act(Operation(books, chance, chance.moment(start)), visitors)
    return [row for row in books.log if row[0] < end]
