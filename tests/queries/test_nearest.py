"""A page is looked for where its rows most likely are, and found wherever they are."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from portal.queries import known, log_search
from portal.queries.log_search import LogSearch
from portal.queries.nearest import nearest_first
from portal.queries.paging import Cursor, Order
from portal.queries.time_range import TimeRange
from tests.queries.books import NOON, Event, minutes, write

MOMENTS = st.datetimes(timezones=st.just(UTC)) | st.integers(-40, 40).map(lambda days: NOON + timedelta(days))
PERIODS = st.builds(TimeRange, st.none() | MOMENTS, st.none() | MOMENTS)
ORDERS = st.builds(Order, st.none() | st.builds(Cursor, MOMENTS, st.just(1), st.booleans()), st.booleans())


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    known._remembered.clear()
    yield
    known._remembered.clear()


def page(session: Session, *pairs: tuple[str, str]) -> list[int]:
    search = LogSearch.from_args(MultiDict(pairs), now=NOON, tz="UTC")
    return [row.id for row in search.page(session).rows]


@given(PERIODS, ORDERS)
def test_the_parts_of_a_period_are_all_of_it_in_the_order_of_reading(period: TimeRange, order: Order) -> None:
    parts = nearest_first(period, order)
    first, *rest = parts if order.ascending else parts[::-1]
    assert first.start == period.start
    assert (rest[-1] if rest else first).end == period.end
    for second in rest:
        assert first.end == second.start is not None
        assert period.start is None or period.start < second.start
        assert period.end is None or second.start < period.end


def test_what_the_nearest_weeks_lack_is_read_from_the_rest(app: Flask, session: Session) -> None:
    ages = [*range(20), *range(200, 240)]
    ids = write(session, [Event(at=datetime.now(UTC) - timedelta(hours=age * 4)) for age in ages])
    assert page(session) == ids[:50]
    assert page(session, ("type", "USER_LOGIN")) == ids[:50]
    assert page(session, ("level", "INFO"), ("limit", "25")) == ids[:25]


def test_a_common_family_is_found_among_the_newest_without_knowing_its_kinds(app: Flask, session: Session) -> None:
    types = ["PAYOUT_PAID", "PAYOUT_FAILED", "CRON_TICK"]
    rows = [Event(type=types[n % 3], at=NOON - minutes(n), level=["INFO", "ERROR"][n % 2]) for n in range(200)]
    ids = write(session, rows)
    wanted = [row_id for row_id, row in zip(ids, rows, strict=True) if row.type != "CRON_TICK"]
    period = ("from", (NOON - timedelta(days=1)).isoformat()), ("to", (NOON + timedelta(days=1)).isoformat())
    assert page(session, ("type", "PAYOUT_*"), *period) == wanted[:50]
    errors = [row_id for row_id in wanted if rows[ids.index(row_id)].level == "ERROR"]
    assert page(session, ("type", "PAYOUT_*"), ("level", "ERROR"), *period) == errors[:50]
    assert page(session, ("type", "PAYOUT_*"), ("sort", "createdAt"), *period) == wanted[:-51:-1]
    assert not known._remembered


def test_a_family_that_is_not_among_the_newest_is_asked_for_by_its_kinds(
    app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_search, "NEAREST", 20)
    rows = [Event(type="CRON_TICK" if n < 100 else "PAYOUT_PAID", at=NOON - minutes(n)) for n in range(200)]
    ids = write(session, rows)
    assert page(session, ("type", "PAYOUT_*")) == ids[100:150]
    assert known._remembered


def test_a_cursor_may_name_any_year(app: Flask, session: Session) -> None:
    (row_id,) = write(session, [Event()])
    first, last = (Cursor(datetime(year, 1, 1, tzinfo=UTC), 1).encode() for year in (1, 9999))
    assert page(session, ("cursor", first)) == []
    assert page(session, ("cursor", last), ("type", "USER_*")) == [row_id]
    assert page(session, ("cursor", first), ("sort", "createdAt")) == [row_id]
