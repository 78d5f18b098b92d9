"""Parameters and search language together, page by page, while rows arrive: exactly the rows of a plain filter.

`EXPLORER_CASES=5000 python -m pytest tests/queries/test_explorer_property.py` runs longer than CI does.
"""

import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from threading import Event as Flag
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from portal.queries.paging import BadParameter, Cursor, Order, Page
from tests.queries import test_log_search as log
from tests.queries import test_transaction_search as money
from tests.queries.books import NOON, write, write_money
from tests.queries.money_terms import money_leaf, money_rows
from tests.queries.terms import Leaf, Meaning, log_leaf, rows_with_amounts, search_case

CASES = int(os.environ.get("EXPLORER_CASES", "70"))
SOME_TIME = timedelta(days=400)
Args = list[tuple[str, str]]


@dataclass(frozen=True)
class Book:
    """One book: its rows, how they are written and searched, and what its parameters and terms plainly mean."""

    rows: Callable[[], Sequence[Any]]
    write: Callable[[Session, Any], list[int]]
    search: Callable[[Args], Any]
    passes: Callable[[Any, Args], bool]
    fields: Mapping[str, list[str]]
    repeated: Sequence[str]
    leaf: Leaf


BOOKS = {
    "log": Book(rows_with_amounts, write, log.search, log.passes, log.FIELDS, log.REPEATED, log_leaf),
    "transaction_log": Book(
        money_rows, write_money, money.search, money.passes, money.FIELDS, money.REPEATED, money_leaf
    ),
}


def address(book: Book, chance: random.Random) -> tuple[Args, Meaning]:
    """Some parameters, and nearly always a search; what a row must be to pass."""
    args: Args = []
    for name in chance.sample(sorted({*book.fields} - {"q"}), chance.choice((0, 0, 1, 1, 2, 3))):
        most = chance.randrange(1, 4) if name in book.repeated else 1
        args += [(name, value) for value in chance.sample(book.fields[name], min(most, len(book.fields[name])))]
    if not log.has_a_range(args):
        args = [pair for pair in args if pair[0] != "to"]
    if not money.has_amounts(args):
        args = [pair for pair in args if pair[0] != "amountMax"]
    if chance.random() < 0.1:
        return args, lambda row: book.passes(row, args)
    text, means = search_case(chance, book.leaf)
    return [*args, ("q", text)], lambda row: book.passes(row, args) and means(row)


def pages(session: Session, wanted: Any, cursor: Cursor | None, *, backwards: bool = False) -> Iterator[Page[Any]]:
    """One page after the other from a cursor on; each is read by a transaction of its own."""
    while True:
        page = replace(wanted, order=Order(cursor, wanted.order.oldest_first)).page(session)
        session.rollback()
        yield page
        cursor = page.previous if backwards else page.next
        if cursor is None:
            return


def ids_of(read: Sequence[Page[Any]]) -> list[int]:
    return [row.id for page in read for row in page.rows]


def walk(session: Session, wanted: Any, chance: random.Random) -> list[int]:
    """The ids of every page in order: read on from the first, back from the end, or from the middle both ways."""
    way = chance.choice(("on", "back", "both"))
    if way == "on":
        return ids_of(list(pages(session, wanted, None)))
    if way == "back":
        end = NOON + (SOME_TIME if wanted.order.oldest_first else -SOME_TIME)
        return ids_of([*pages(session, wanted, Cursor(end, 0, True), backwards=True)][::-1])
    *_, middle = islice(pages(session, wanted, None), chance.randrange(1, 6))
    ahead = pages(session, wanted, middle.next) if middle.next else ()
    behind = pages(session, wanted, middle.previous, backwards=True) if middle.previous else ()
    return ids_of([*[*behind][::-1], middle, *ahead])


@contextmanager
def rows_arriving(book: Book, engine: Engine, rows: dict[int, Any]) -> Iterator[None]:
    """Another connection that writes rows, newest and late ones, until the block ends; `rows` learns of them."""
    over, chance = Flag(), random.Random(5)
    models = book.rows()

    def go_on() -> None:
        with Session(engine) as session:
            while not over.wait(0.02) and len(rows) < 3000:
                late = timedelta(hours=chance.choice((-1, -1, 0, 9, 200)))
                arriving = [replace(chance.choice(models), at=NOON - late) for _ in range(2)]
                rows.update(zip(book.write(session, arriving), arriving, strict=True))

    writer = Thread(target=go_on)
    writer.start()
    try:
        yield
    finally:
        over.set()
        writer.join()


@dataclass(frozen=True)
class Walk:
    """What was asked and what it means, the rows that were there when it began, and what was found."""

    args: Args
    means: Meaning
    before: set[int]
    found: list[int]


def walks(book: Book, session: Session, rows: dict[int, Any]) -> Iterator[Walk]:
    chance = random.Random(20261127)
    for _ in range(CASES):
        args, means = address(book, chance)
        before = set(rows)
        wanted = asked(book, args, limit=max(3, len(before) // 12))
        yield Walk(args, means, before, walk(session, wanted, chance) if wanted else [])


def asked(book: Book, args: Args, *, limit: int) -> Any:
    """The search; None where it is refused because its bounds leave no time between them."""
    try:
        return replace(book.search(args), limit=limit)
    except BadParameter as error:
        if error.value != "from: to:":
            raise
        return None


@pytest.mark.parametrize("name", BOOKS)
def test_every_filter_finds_what_a_plain_one_does_while_rows_arrive(
    session: Session, owner_engine: Engine, name: str
) -> None:
    book = BOOKS[name]
    events = book.rows()
    rows = dict(zip(book.write(session, events), events, strict=True))
    with rows_arriving(book, owner_engine, rows):
        walked = list(walks(book, session, rows))
    found_something = narrowed = 0
    for one in walked:
        assert len(one.found) == len(set(one.found)), f"twice: {one.args}"
        assert all(one.means(rows[row]) for row in one.found), f"not asked for: {one.args}"
        wanted = {row for row in one.before if one.means(rows[row])}
        assert wanted <= set(one.found), f"missed: {one.args}"
        newest_first = ("sort", "createdAt") not in one.args
        ordered = sorted(one.found, key=lambda row: (rows[row].at, row), reverse=newest_first)
        assert one.found == ordered, f"out of order: {one.args}"
        found_something += bool(wanted)
        narrowed += len(wanted) < len(one.before)
    assert found_something > CASES * 0.3
    assert narrowed > CASES * 0.5
