"""Sums over the log against plain sums over the same rows: edges, daylight saving, retention, every filter."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise, product
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, text
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from portal.jobs import roll_up_logs
from portal.models import Log, LogLevel
from portal.queries import log_counts
from portal.queries.calendar_bars import STEPS, bar_edges, choose_step
from portal.queries.counted_days import whole_days
from portal.queries.counted_hours import Counted
from portal.queries.histogram import Histogram, log_histogram
from portal.queries.log_counts import newest_sums, roll_up_for, sums
from portal.queries.log_groups import log_groups
from portal.queries.log_search import LogSearch
from portal.queries.time_range import TimeRange
from tests.queries.books import Event, write
from tests.queries.test_log_search import passes

Args = list[tuple[str, str]]
NOW = datetime(2026, 11, 27, 10, 42, 17, tzinfo=UTC)
SUMMED = datetime(2026, 11, 26, tzinfo=UTC)
"""Until when days are summed: the job was killed before yesterday was."""
PARIS, NEW_YORK, KOLKATA = ZoneInfo("Europe/Paris"), ZoneInfo("America/New_York"), ZoneInfo("Asia/Kolkata")
TYPES = ["USER_LOGIN", "PAYOUT_PAID", "PAYOUT_FAILED", "PAYOUTS", "CRON_PAYOUT_STARTED"]
LEVELS = ["INFO", "WARNING", "ERROR", "CRITICAL"]
ACTORS = ["USER", "CREATOR", "ADMIN", "SYSTEM", "GUEST"]


def busy_rows() -> list[Event]:
    """Forty days, every 97 minutes and a bit, and a crowd in the last hour; on the edges of hours too."""
    moments = [NOW - timedelta(seconds=n * 5_837) for n in range(600)]
    moments += [NOW - timedelta(seconds=n * 61) for n in range(60)]
    moments += [datetime(2026, 10, 25, hour, tzinfo=UTC) for hour in range(4)]
    return [
        Event(
            type=TYPES[n * 7 % 5],
            level=LEVELS[n * n % 4] if n % 9 else "CRITICAL",
            actor=ACTORS[n * 3 % 5],
            actor_id=f"id-{n % 4}" if n % 4 else None,
            message="Solde insuffisant" if n % 3 else "Connexion réussie",
            details={"payoutId": f"p-{n % 6}"} if n % 2 else {},
            at=at,
        )
        for n, at in enumerate(moments)
    ]


@pytest.fixture
def rows(app: Flask, session: Session) -> list[Event]:
    """Rows in the book, their complete hours and days counted as the job counts them."""
    events = busy_rows()
    write(session, events)
    with app.app_context():
        count_hours(session)
    return events


def count_hours(session: Session) -> None:
    """Count until an hour that ended a while before NOW: the last hours stay rows."""
    span = {"first": NOW - timedelta(days=50), "last": NOW.replace(minute=0, second=0) - timedelta(hours=2)}
    for statement in roll_up_logs.HOURS.values():
        session.execute(statement, span)
    days = {"first": span["first"], "last": SUMMED}
    for statement in roll_up_logs.DAYS.values():
        session.execute(statement, days)
    session.commit()


def search(args: Args, tz: str = "UTC") -> LogSearch:
    return LogSearch.from_args(MultiDict(args), now=NOW, tz=tz)


def drawn(session: Session, args: Args, zone: ZoneInfo = PARIS, cutoffs: Any = None) -> Histogram:
    wanted = search(args, zone.key)
    return log_histogram(session, wanted, now=NOW, zone=zone, cutoffs=cutoffs or {})


def plainly(rows: list[Event], args: Args, first: datetime, last: datetime) -> Mapping[LogLevel, int]:
    found = Counter(LogLevel(e.level) for e in rows if first <= e.at < last and passes(e, args))
    return dict.fromkeys(LogLevel, 0) | found


PERIODS: dict[str, Args] = {
    "all time": [],
    "an hour": [("from", "2026-11-27T09:42:17")],
    "a day": [("from", "2026-11-26T10:42:17")],
    "within an hour": [("from", "2026-11-20T08:10:00"), ("to", "2026-11-20T08:50:00")],
    "odd edges": [("from", "2026-10-20T10:17:03"), ("to", "2026-11-24T05:59:59")],
    "until the counted end": [("from", "2026-11-10T10:00:00"), ("to", "2026-11-27T08:00:00")],
    "across the counted end": [("from", "2026-11-22T10:30:00"), ("to", "2026-11-27T09:30:00")],
    "only an end": [("to", "2026-11-01T00:30:00")],
    "after the counted end": [("from", "2026-11-27T08:10:00"), ("to", "2026-11-27T09:30:00")],
}
FILTERS: list[Args] = [
    [],
    [("level", "ERROR")],
    [("level", "-INFO"), ("level", "-WARNING")],
    [("type", "PAYOUT_*")],
    [("type", "PAYOUT_PAID"), ("type", "CRON_*"), ("level", "INFO")],
    [("type", "-PAYOUT_"), ("level", "CRITICAL")],
    [("actor", "ADMIN"), ("level", "ERROR"), ("level", "INFO")],
    [("actor", "-SYSTEM")],
    [("type", "PAYOUT_*"), ("actor", "ADMIN")],
    [("q", "insuffisant")],
    [("actorId", "id-1"), ("level", "WARNING")],
    [("entity", "p-3"), ("type", "-CRON_*")],
]
ANSWERED = ["actor", "actor", "actor", "type", "type", "type", "actor", "actor", None, None, None, None]


def test_every_filter_and_period_sums_exactly(rows: list[Event], session: Session) -> None:
    for (name, period), filters in product(PERIODS.items(), FILTERS):
        args = [*filters, *period]
        found = drawn(session, [(k, v + "Z" if k in {"from", "to"} else v) for k, v in args])
        known = [(k, v + "+00:00" if k in {"from", "to"} else v) for k, v in args]
        for bar in found.bars:
            assert dict(bar.counts) == plainly(rows, known, bar.start, bar.end), (name, filters, bar)
        assert sum(bar.total for bar in found.bars) == sum(passes(e, known) for e in rows if e.at < NOW)
        assert found.counted.reach is None
        total = sums(session, search([(k, v.replace("+00:00", "Z")) for k, v in known]), {})
        assert total.total == sum(passes(e, known) for e in rows)
        assert (total.outlived, total.widened) == (0, 0)


def test_counts_answer_what_they_can_and_rows_the_rest() -> None:
    assert [roll_up_for(search(filters)) for filters in FILTERS] == ANSWERED
    assert roll_up_for(search([("actor", "ADMIN")]), "type") is None
    assert roll_up_for(search([("type", "PAYOUT_*")]), "type") == "type"


@pytest.mark.parametrize("by", ["type", "actor"])
def test_sums_by_key_are_exact(rows: list[Event], session: Session, by: str) -> None:
    for filters in FILTERS:
        args = [*filters, ("from", "2026-11-02T10:17:03+00:00")]
        found: Counter[tuple[str, str]] = Counter()
        for each in sums(session, search(args), {}, by=by).sums:
            found[each.level.value, each.key] += each.n
        assert found == Counter((e.level, getattr(e, by)) for e in rows if passes(e, args)), filters


def test_long_ranges_read_the_counts_and_a_day_the_rows(rows: list[Event], session: Session) -> None:
    session.execute(text("update log_hour_actor set n = n + 1000 where bucket = '2026-11-26 08:00+00'"))
    assert max(bar.total for bar in drawn(session, [("from", "now-7d")]).bars) > 1000
    assert max(bar.total for bar in drawn(session, [("from", "2026-11-26"), ("to", "2026-11-26")]).bars) < 1000
    session.rollback()


def test_sums_over_days_read_the_summed_days_and_bars_their_hours(rows: list[Event], session: Session) -> None:
    session.execute(text("update log_day_actor set n = n + 1000 where bucket = '2026-11-20'"))
    assert sums(session, search([("from", "now-30d")]), {}).total > 1000
    assert sums(session, search([("from", "2026-11-20T00:00:01Z")]), {}).total < 1000
    assert sums(session, search([("from", "now-30d"), ("to", "2026-11-20T23:59:59Z")]), {}).total < 1000
    assert max(bar.total for bar in drawn(session, [("from", "now-30d")]).bars) < 1000
    session.rollback()


MOMENTS = st.integers(0, 24 * 12).map(lambda n: SUMMED - timedelta(days=8) + n * timedelta(hours=1))


@settings(max_examples=500, deadline=None)
@given(st.builds(TimeRange, st.none() | MOMENTS, MOMENTS), st.none() | MOMENTS, st.lists(MOMENTS, max_size=3))
def test_a_range_of_hours_is_whole_days_and_the_hours_between(
    hours: TimeRange, summed: datetime | None, moments: list[datetime]
) -> None:
    assume(hours.start is None or (hours.end and hours.start < hours.end))
    midnight = summed and summed.replace(hour=0)
    cutoffs = dict(zip(LogLevel, moments, strict=False))
    days, left = whole_days(hours, Counted(None, None, midnight, None), cutoffs)
    every = [
        each for n in range(24 * 13) if _is_in(each := SUMMED - timedelta(days=8) + n * timedelta(hours=1), hours)
    ]
    assert [sum(_is_in(hour, part) for part in (*days, *left)) for hour in every] == [1] * len(every)
    for day in days:
        assert day.end is not None
        assert day.end.hour == 0
        assert day.end <= (midnight or day.end)
        assert day.start is None or day.start.hour == 0
        assert not any(_is_in(cutoff, day) and cutoff.hour for cutoff in cutoffs.values())


def _is_in(moment: datetime, period: TimeRange) -> bool:
    return (period.start is None or period.start <= moment) and (period.end is None or moment < period.end)


@pytest.mark.parametrize("zone", [PARIS, NEW_YORK, KOLKATA], ids=str)
@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25", "2026-03-08", "2026-11-01"])
def test_bars_lie_on_the_readers_calendar_whatever_the_clock_does(zone: ZoneInfo, day: str) -> None:
    start = datetime.fromisoformat(day).replace(tzinfo=zone).astimezone(UTC) - timedelta(days=20, minutes=17)
    end = start + timedelta(days=40)
    for step in STEPS:
        if not 3600 <= step.width.total_seconds() <= 7 * 86_400:
            continue
        edges = bar_edges(start, end, step, zone)
        assert edges[0] <= start < edges[1]
        assert edges[-2] < end <= edges[-1]
        local = [edge.astimezone(zone) for edge in edges]
        hours = max(1, int(step.width.total_seconds() // 3600))
        assert all(moment.minute == moment.second == 0 and moment.hour % min(hours, 24) == 0 for moment in local)
        widths = Counter((b - a) for a, b in pairwise(edges))
        odd = {width - step.width for width in widths} - {timedelta(0)}
        assert odd <= ({timedelta(hours=1), timedelta(hours=-1)} if step.width > timedelta(hours=1) else set())


def test_a_day_of_23_or_25_hours_is_one_bar() -> None:
    for zone, day, hours in ((PARIS, 29, 23), (NEW_YORK, 8, 23)):
        start = datetime(2026, 3, day, tzinfo=zone).astimezone(UTC)
        step = choose_step(timedelta(days=60))
        assert step.name == "P1D"
        edges = bar_edges(start, start + timedelta(days=2), step, zone)
        assert edges[1] - edges[0] == timedelta(hours=hours)
        edges = bar_edges(start, start + timedelta(days=2), step, zone, whole_hours=True)
        assert edges[1] - edges[0] == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("span", "name", "bars"),
    [("1m", "PT1S", 60), ("1h", "PT1M", 60), ("24h", "PT30M", 48), ("7d", "PT3H", 56), ("30d", "PT12H", 60),
     ("90d", "P1D", 90), ("365d", "P1W", 52)],
)  # fmt: skip
def test_ranges_are_cut_into_about_sixty(span: str, name: str, bars: int) -> None:
    unit = {"m": "minutes", "h": "hours", "d": "days"}[span[-1]]
    length = timedelta(**{unit: int(span[:-1])})
    step = choose_step(length)
    assert step.name == name
    assert bars <= len(bar_edges(NOW - length, NOW, step, PARIS)) - 1 <= bars + 2


@pytest.mark.parametrize("zone", [NEW_YORK, KOLKATA], ids=str)
def test_bars_of_any_zone_sum_to_what_happened_in_them(
    rows: list[Event], session: Session, zone: ZoneInfo
) -> None:
    found = drawn(session, [("from", "now-30d")], zone)
    assert found.counted.by_hours
    for bar in found.bars:
        assert dict(bar.counts) == plainly(rows, [], bar.start, bar.end)


CUTOFFS = {
    LogLevel.INFO: datetime(2026, 11, 10, 5, tzinfo=UTC),
    LogLevel.WARNING: datetime(2026, 11, 1, tzinfo=UTC),
}


def clean_up(session: Session) -> None:
    """What retention leaves: the owner, with the guards off."""
    session.execute(text("set session_replication_role = replica"))
    for level, cutoff in CUTOFFS.items():
        session.execute(delete(Log).where(Log.level == level, Log.created_at < cutoff))
    session.execute(text("set session_replication_role = default"))
    session.commit()


def test_counts_outlive_the_rows_and_say_so(rows: list[Event], session: Session) -> None:
    clean_up(session)
    for args in ([], [("type", "PAYOUT_*")], [("from", "2026-10-28T00:00:00+00:00")]):
        found = sums(session, search(args), CUTOFFS)
        assert found.total == sum(passes(e, args) for e in rows)
        gone = [e for e in rows if passes(e, args) and e.at < CUTOFFS.get(LogLevel(e.level), e.at)]
        assert (found.outlived, found.widened) == (len(gone), 0)
    drawing = drawn(session, [("from", "now-30d")], PARIS, CUTOFFS)
    assert [dict(bar.counts) for bar in drawing.bars[1:]] == [
        plainly(rows, [], bar.start, bar.end) for bar in drawing.bars[1:]
    ]


def test_an_old_edge_is_its_whole_hour_for_the_levels_that_are_gone(rows: list[Event], session: Session) -> None:
    clean_up(session)
    first, last = datetime(2026, 10, 30, 3, 40, tzinfo=UTC), datetime(2026, 11, 5, 7, 20, tzinfo=UTC)
    hour, after = first.replace(minute=0), last.replace(minute=0) + timedelta(hours=1)
    args = [("from", first.isoformat()), ("to", last.isoformat())]

    def counts(e: Event) -> bool:
        cutoff = CUTOFFS.get(LogLevel(e.level))
        start = hour if cutoff and hour < cutoff else first
        end = after if cutoff and last.replace(minute=0) < cutoff else last
        return start <= e.at < end

    expected = Counter(e.level for e in rows if counts(e))
    found = sums(session, search(args), CUTOFFS)
    counted: Counter[str] = Counter()
    for each in found.sums:
        counted[each.level.value] += each.n
    assert counted == expected
    wide = [e for e in rows if counts(e) and not first <= e.at < last]
    alone = [
        e
        for e in rows
        if counts(e)
        and (e.at < first.replace(minute=0) + timedelta(hours=1) or e.at >= after - timedelta(hours=1))
        and e.at < CUTOFFS.get(LogLevel(e.level), first)
    ]
    assert found.widened == len(alone) >= len(wide)


def test_a_short_old_range_is_drawn_by_hours_and_rows_are_said_to_be_gone(
    rows: list[Event], session: Session
) -> None:
    clean_up(session)
    period = [("from", "2026-10-25T00:00:00+00:00"), ("to", "2026-10-25T04:00:00+00:00")]
    found = drawn(session, period, PARIS, CUTOFFS)
    assert found.step is not None
    assert found.step.name == "PT1H"
    assert [bar.total for bar in found.bars] == [
        sum(plainly(rows, [], bar.start, bar.end).values()) for bar in found.bars
    ]
    by_rows = drawn(session, [*period, ("q", "insuffisant")], PARIS, CUTOFFS)
    assert by_rows.missing == CUTOFFS
    assert drawn(session, [*period, ("q", "insuffisant"), ("level", "ERROR")], PARIS, CUTOFFS).missing == {}


def test_row_by_row_counting_ends_at_its_cap_and_says_where(
    rows: list[Event], session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_counts, "CAP", 20)
    monkeypatch.setattr(log_counts.newest_rows, "__kwdefaults__", {"limit": 21, "where": ()})
    for args in ([("q", "insuffisant")], [("entity", "p-3")]):
        found = newest_sums(session, search(args))
        matching = sorted((e.at for e in rows if passes(e, args)), reverse=True)
        assert (found.total, found.reach) == (21, matching[20])


def test_nothing_is_drawn_of_an_empty_book_or_of_the_future(app: Flask, session: Session) -> None:
    assert drawn(session, []).bars == ()
    write(session, [Event(at=NOW)])
    assert drawn(session, [("from", "2027-01-01")]).bars == ()
    assert len(drawn(session, [("from", "0001-01-02"), ("to", "9999-12-30")]).bars) < 200


def groups_of(rows: list[Event], args: Args, by: str) -> dict[str, list[Event]]:
    def key(e: Event) -> str | None:
        known = {"type": e.type, "actor": e.actor, "requestId": str(e.request_id)}
        return known[by] if by in known else e.details.get(by)

    found: dict[str, list[Event]] = {}
    for e in rows:
        if passes(e, args) and (name := key(e)) is not None:
            found.setdefault(name, []).append(e)
    return found


@pytest.mark.parametrize("by", ["type", "actor", "payoutId", "requestId"])
def test_groups_count_each_level_and_tell_the_first_and_last_row(
    rows: list[Event], session: Session, by: str
) -> None:
    for filters in FILTERS:
        args = [*filters, ("from", "2026-11-02T10:17:03+00:00")]
        found, expected = log_groups(session, search(args), by, {}), groups_of(rows, args, by)
        assert found.known == len(expected)
        totals = [group.total for group in found.largest]
        assert totals == sorted(totals, reverse=True)
        for group in found.largest:
            events = expected[group.key]
            assert {level.value: n for level, n in group.counts.items()} == {
                level: sum(e.level == level for e in events) for level in LEVELS
            }, (by, filters, group)
            assert (group.first, group.last) == (min(e.at for e in events), max(e.at for e in events))


def test_the_first_of_a_group_whose_rows_are_gone_is_its_hour(rows: list[Event], session: Session) -> None:
    clean_up(session)
    [group] = log_groups(session, search([("type", "PAYOUT_PAID"), ("level", "INFO")]), "type", CUTOFFS).largest
    events = [e for e in rows if e.type == "PAYOUT_PAID" and e.level == "INFO"]
    assert group.total == len(events)
    assert group.first == min(e.at for e in events).replace(minute=0, second=0)
    assert group.last == max(e.at for e in events)
