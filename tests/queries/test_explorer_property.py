"""Parameters and search language together, page by page, while rows arrive: exactly the rows of a plain filter.

`EXPLORER_CASES=5000 python -m pytest tests/queries/test_explorer_property.py` runs longer than CI does.
"""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from threading import Event as Flag
from threading import Thread

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from portal.queries.paging import Cursor, Order
from tests.queries.books import NOON, Event, write
from tests.queries.terms import Meaning, rows_with_amounts, search_case
from tests.queries.test_log_search import FIELDS, REPEATED, has_a_range, passes, search

CASES = int(os.environ.get("EXPLORER_CASES", "70"))
PARAMETERS = [name for name in sorted(FIELDS) if name != "q"]
Args = list[tuple[str, str]]


def address(chance: random.Random) -> tuple[Args, Meaning]:
    """Some parameters, and nearly always a search; what a row must be to pass."""
    args: Args = []
    for name in chance.sample(PARAMETERS, chance.choice((0, 0, 1, 1, 2, 3))):
        most = chance.randrange(1, 4) if name in REPEATED else 1
        args += [(name, value) for value in chance.sample(FIELDS[name], most)]
    if not has_a_range(args):
        args = [pair for pair in args if pair[0] != "to"]
    if chance.random() < 0.1:
        return args, lambda e: passes(e, args)
    text, means = search_case(chance)
    return [*args, ("q", text)], lambda e: passes(e, args) and means(e)


def walk(session: Session, args: Args, size: int, *, backwards: bool) -> list[int]:
    """The ids of every page in the order asked for, read from the first page on, or by the way back to it."""
    wanted = replace(search(args), limit=size)
    oldest_first = wanted.order.oldest_first
    found: list[int] = []
    if backwards:
        end = Cursor(NOON - timedelta(days=400) if not oldest_first else NOON + timedelta(days=400), 0, True)
        wanted = replace(wanted, order=Order(end, oldest_first))
    while True:
        page = wanted.page(session)
        ids = [row.id for row in page.rows]
        found = [*ids, *found] if backwards else [*found, *ids]
        session.rollback()
        following = page.previous if backwards else page.next
        if following is None:
            return found
        wanted = replace(wanted, order=Order(following, oldest_first))


@contextmanager
def rows_arriving(engine: Engine, rows: dict[int, Event]) -> Iterator[None]:
    """Another connection that writes rows, newest and late ones, until the block ends; `rows` learns of them."""
    over, chance = Flag(), random.Random(5)
    models = rows_with_amounts()

    def go_on() -> None:
        with Session(engine) as session:
            while not over.wait(0.02) and len(rows) < 3000:
                late = timedelta(hours=chance.choice((-1, -1, 0, 9, 200)))
                events = [replace(chance.choice(models), at=NOON - late) for _ in range(2)]
                rows.update(zip(write(session, events), events, strict=True))

    writer = Thread(target=go_on)
    writer.start()
    try:
        yield
    finally:
        over.set()
        writer.join()


def test_every_filter_finds_what_a_plain_one_does_while_rows_arrive(
    session: Session, owner_engine: Engine
) -> None:
    events, chance = rows_with_amounts(), random.Random(20261127)
    rows = dict(zip(write(session, events), events, strict=True))
    found_something = narrowed = 0
    walks: list[tuple[Args, Meaning, set[int], list[int]]] = []
    with rows_arriving(owner_engine, rows):
        for n in range(CASES):
            args, means = address(chance)
            before = set(rows)
            size = max(3, len(before) // 12)
            walks.append((args, means, before, walk(session, args, size, backwards=n % 3 == 2)))
    for args, means, before, found in walks:
        assert len(found) == len(set(found)), f"twice: {args}"
        assert all(means(rows[row]) for row in found), f"not asked for: {args}"
        wanted = [row for row in before if means(rows[row])]
        assert set(wanted) <= set(found), f"missed: {args}"
        ordered = sorted(found, key=lambda row: (rows[row].at, row), reverse=("sort", "createdAt") not in args)
        assert found == ordered, f"out of order: {args}"
        found_something += bool(wanted)
        narrowed += len(wanted) < len(before)
    assert found_something > CASES * 0.3
    assert narrowed > CASES * 0.5
