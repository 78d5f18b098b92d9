"""The sums over the book of money against plain counts of the same rows: bars, boxes, caps, the index."""

import random
import re
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from portal.queries import transaction_sums
from portal.queries.transaction_sums import transaction_facets, transaction_histogram
from tests.queries.books import NOON, Money, write_money
from tests.queries.money_terms import level_of, money_rows
from tests.queries.test_explorer_property import BOOKS, Args, address, asked
from tests.queries.test_transaction_search import ENTITIES, EVENTS, NOW, search

CASES = 60
PARIS = ZoneInfo("Europe/Paris")


def plain_bars(rows: list[Money], edges: list[tuple[datetime, datetime]]) -> list[dict[str, int]]:
    bars = [dict.fromkeys(("INFO", "WARNING", "ERROR", "CRITICAL"), 0) for _ in edges]
    for row in rows:
        for bar, (start, end) in zip(bars, edges, strict=True):
            bar[level_of(row)] += start <= row.at < end
    return bars


def test_bars_and_boxes_are_the_counts_of_a_plain_filter(session: Session) -> None:
    rows, chance = money_rows(), random.Random(45)
    write_money(session, rows)
    counted = 0
    for _ in range(CASES):
        args, means = address(BOOKS["transaction_log"], chance)
        wanted = asked(BOOKS["transaction_log"], args, limit=50)
        if wanted is None:
            continue
        found = [row for row in rows if means(row)]
        drawn = transaction_histogram(session, wanted, now=NOW, zone=PARIS)
        edges = [(bar.start, bar.end) for bar in drawn.bars]
        assert [dict(bar.counts) for bar in drawn.bars] == plain_bars(found, edges), args
        assert drawn.counted.total == len(found), args
        for facet, field in zip(transaction_facets(session, wanted), ("event_type", "entity_type"), strict=True):
            total = sum(facet.counts.values())
            assert total >= len(found), args
            mine = Counter(str(getattr(row, field)) for row in found)
            assert all(facet.counts[value] == n for value, n in mine.items()), args
        counted += bool(found)
    assert counted > CASES * 0.3


def boxes_of(session: Session, args: Args) -> list[dict[str, int]]:
    return [dict(facet.counts) for facet in transaction_facets(session, search(args))]


def test_each_count_leaves_its_own_filter_out(session: Session) -> None:
    kinds = [("PAYOUT_PAID", "PAYOUT"), ("PAYOUT_FAILED", "PAYOUT"), ("WEBHOOK_RECEIVED", "PAYMENT")]
    write_money(session, [Money(*kinds[n % 3]) for n in range(9)])
    payout, both = {"PAYOUT_PAID": 3, "PAYOUT_FAILED": 3}, {"PAYOUT": 6, "PAYMENT": 3}
    assert boxes_of(session, []) == [{**payout, "WEBHOOK_RECEIVED": 3}, both]
    assert boxes_of(session, [("entityType", "PAYOUT")]) == [payout, both]
    assert boxes_of(session, [("eventType", "-PAYOUT_*")]) == [{**payout, "WEBHOOK_RECEIVED": 3}, {"PAYMENT": 3}]
    assert boxes_of(session, [("eventType", "PAYOUT_PAID"), ("entityType", "PAYMENT")]) == [
        {"WEBHOOK_RECEIVED": 3}, {"PAYOUT": 3}
    ]  # fmt: skip


def test_of_other_searches_the_newest_rows_are_counted(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transaction_sums, "CAP", 20)
    write_money(session, [Money(status="PAID", at=NOON - timedelta(hours=n)) for n in range(50)])
    drawn = transaction_histogram(session, search([("status", "PAID")]), now=NOW, zone=PARIS)
    assert drawn.counted.reach == NOON - timedelta(hours=20)
    assert drawn.bars[0].start == drawn.counted.reach
    assert drawn.counted.total == 21
    assert transaction_histogram(session, search([]), now=NOW, zone=PARIS).counted.total == 50
    [events, objects] = transaction_facets(session, search([("status", "PAID")]))
    assert (events.is_capped, objects.counts) == (True, {"PAYOUT": 21})
    assert not transaction_facets(session, search([("eventType", "PAYOUT_PAID")]))[0].is_capped


def test_nothing_is_drawn_of_an_empty_book_or_of_what_is_to_come(session: Session) -> None:
    assert transaction_histogram(session, search([]), now=NOW, zone=PARIS).bars == ()
    write_money(session, [Money()])
    later = replace(search([]), period=replace(search([]).period, start=NOW + timedelta(days=1)))
    assert transaction_histogram(session, later, now=NOW, zone=PARIS).bars == ()


@pytest.mark.parametrize("args", [{}, {"status": "PAID"}])
def test_a_second_is_one_bar(session: Session, args: dict[str, str]) -> None:
    write_money(session, [Money(at=NOON)])
    second = {"from": NOON.isoformat(), "to": (NOON + timedelta(seconds=1)).isoformat()}
    drawn = transaction_histogram(session, search(list((second | args).items())), now=NOW, zone=PARIS)
    assert [bar.total for bar in drawn.bars] == [0 if args else 1]


def test_what_is_counted_by_kind_needs_no_rows(session: Session, owner_engine: Engine) -> None:
    rows = [
        Money(EVENTS[n % 16], ENTITIES[n % 5], details={"note": "x" * 400}, at=NOON - timedelta(minutes=n))
        for n in range(3000)
    ]
    write_money(session, rows)
    with owner_engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("vacuum analyze transaction_log"))
    session.execute(text("set enable_seqscan = off; set enable_bitmapscan = off"))
    for args in ([], [("entityType", "PAYOUT")], [("eventType", "PAYOUT_PAID"), ("from", "2026-10-01")]):
        counted = transaction_sums._rows(search(args)).subquery("counted")
        drawn = select(counted.c.event_type, func.min(counted.c.created_at)).group_by(counted.c.event_type)
        asked_for = drawn.compile(dialect=postgresql.dialect(), compile_kwargs={"render_postcompile": True})
        plan = "\n".join(session.connection().exec_driver_sql(f"explain {asked_for}", asked_for.params).scalars())
        scans = re.findall(r"(\w[\w ]*) using \w+ on transaction_log_2026m1[01]", plan)
        assert scans, plan
        assert set(scans) == {"Index Only Scan"}, plan
