"""Slots and business periods over clock changes, leap days and the ends of months and years: nothing moves."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.jobs import Schedule
from portal.domain.payouts.rounds import period_key
from portal.jobs.desk import JOBS
from portal.jobs.process_payouts import day_of
from portal.models import PayoutSchedule
from tests.portal_process import ROOT

ZONES = ("Europe/Paris", "America/New_York", "Australia/Lord_Howe")
MINUTE = timedelta(minutes=1)
SCHEDULES = [job.schedule for job in JOBS.values()]
CHANGES = [
    datetime(2026, 3, 29, 1, tzinfo=UTC),  # Paris, forward an hour
    datetime(2026, 10, 25, 1, tzinfo=UTC),  # Paris, back
    datetime(2026, 3, 8, 7, tzinfo=UTC),  # New York, forward
    datetime(2026, 11, 1, 6, tzinfo=UTC),  # New York, back
    datetime(2026, 10, 3, 15, 30, tzinfo=UTC),  # Lord Howe, forward half an hour
    datetime(2026, 4, 4, 15, tzinfo=UTC),  # Lord Howe, back
    datetime(2024, 2, 29, 0, tzinfo=UTC),  # a leap day
    datetime(2028, 2, 29, 0, tzinfo=UTC),
    datetime(2026, 2, 28, 23, 59, tzinfo=UTC),  # the end of a short month
    datetime(2026, 12, 31, 23, 59, tzinfo=UTC),  # the end of a year
    datetime(2017, 1, 1, 0, tzinfo=UTC),  # the last leap second
]
moments = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
schedules = st.sampled_from(SCHEDULES) | st.builds(
    Schedule,
    st.just("any"),
    st.integers(1, 48).map(lambda n: timedelta(minutes=30 * n)),
    st.integers(0, 47).map(lambda n: timedelta(minutes=15 * n)),
)


@pytest.fixture(params=ZONES)
def process_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The process lives in this zone."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def minutes(around: datetime, hours: int = 30) -> list[datetime]:
    """Every minute from so long before a moment to so long after."""
    return [around + n * MINUTE for n in range(-hours * 60, hours * 60)]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{change:%Y-%m-%dT%H:%M}")
@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.name)
def test_a_clock_that_ticks_each_minute_in_local_time_meets_every_slot_once(
    process_zone: str, schedule: Schedule, change: datetime
) -> None:
    zone = ZoneInfo(process_zone)
    met: list[str] = []
    for moment in minutes(change):
        slot = schedule.slot_at(moment.astimezone(zone))
        assert slot == schedule.slot_at(moment)
        if not met or met[-1] != slot:
            met.append(slot)
    assert len(met) == len(set(met))
    starts = [datetime.fromisoformat(slot) for slot in met]
    assert {later - earlier for earlier, later in pairwise(starts)} == {schedule.every}


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.name)
def test_years_of_slots_have_neither_gap_nor_double(schedule: Schedule) -> None:
    moment, end = datetime(2023, 12, 31, tzinfo=UTC), datetime(2029, 1, 2, tzinfo=UTC)
    slots = []
    while moment < end:
        slots.append(schedule.slot_at(moment))
        assert schedule.slot_at(schedule.next_start(moment) - timedelta(microseconds=1)) == slots[-1]
        moment = schedule.next_start(moment)
    assert len(set(slots)) == len(slots)
    assert len(slots) == (end - datetime(2023, 12, 31, tzinfo=UTC)) // schedule.every + bool(schedule.offset)


@given(schedule=schedules, moment=moments, zone=st.sampled_from(ZONES))
def test_any_moment_lies_in_one_slot_whatever_zone_says_it(
    schedule: Schedule, moment: datetime, zone: str
) -> None:
    start = schedule.start_of(moment)
    assert start <= moment < start + schedule.every == schedule.next_start(moment)
    assert schedule.slot_at(moment.astimezone(ZoneInfo(zone))) == schedule.slot_at(moment)
    assert schedule.slot_at(start) == schedule.slot_at(moment)
    assert schedule.slot_at(start - timedelta(microseconds=1)) != schedule.slot_at(moment)
    assert datetime.fromisoformat(schedule.slot_at(moment)) == start


def test_every_day_lies_in_one_period_of_each_schedule_over_ten_years(process_zone: str) -> None:
    days = [date(2023, 12, 25) + timedelta(days=n) for n in range(3660)]
    for schedule, lengths in {
        PayoutSchedule.DAILY: {1},
        PayoutSchedule.WEEKLY: {7},
        PayoutSchedule.MONTHLY: {28, 29, 30, 31},
    }.items():
        keys = [period_key(schedule, day) for day in days]
        runs = [keys.count(key) for key in dict.fromkeys(keys)]
        assert sum(before != after for before, after in pairwise(keys)) == len(set(keys)) - 1
        assert set(runs[1:-1]) == lengths
    assert period_key(PayoutSchedule.WEEKLY, date(2026, 12, 31)) == period_key(
        PayoutSchedule.WEEKLY, date(2027, 1, 3)
    )
    assert period_key(PayoutSchedule.WEEKLY, date(2027, 1, 4)) == "2027-W01"
    assert period_key(PayoutSchedule.MONTHLY, date(2024, 2, 29)) == "2024-02"
    assert period_key(PayoutSchedule.MANUAL, date(2024, 2, 29)) is None


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{change:%Y-%m-%dT%H:%M}")
def test_each_day_around_a_change_is_paid_for_by_one_slot(process_zone: str, change: datetime) -> None:
    schedule = JOBS["process-payouts"].schedule
    slots = dict.fromkeys(schedule.slot_at(moment) for moment in minutes(change, hours=24 * 4))
    days = [day_of(slot, change) for slot in slots]
    assert [later - earlier for earlier, later in pairwise(days)] == [timedelta(days=1)] * (len(days) - 1)
    assert [period_key(PayoutSchedule.DAILY, day) for day in days] == [f"{day}" for day in days]


@pytest.mark.parametrize("zone", ["UTC", *ZONES, "Pacific/Kiritimati"])
def test_the_zone_of_a_process_changes_no_slot_and_no_day(zone: str) -> None:
    """In a process of its own, whose local day is another one than the day in UTC."""
    program = (
        "from datetime import datetime, timedelta, UTC\n"
        "from portal.jobs.desk import JOBS\n"
        "from portal.jobs.process_payouts import day_of\n"
        "at = datetime(2026, 10, 24, 22, 59, tzinfo=UTC)\n"
        "for n in range(6):\n"
        "    now = (at + n * timedelta(hours=1)).astimezone()\n"
        "    print([job.schedule.slot_at(now) for job in JOBS.values()], day_of('manual:x', now))\n"
    )
    env = {**os.environ, "TZ": zone}
    said = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )
    assert said.stdout.splitlines() == _said_in_utc()


def _said_in_utc() -> list[str]:
    at = datetime(2026, 10, 24, 22, 59, tzinfo=UTC)
    hours = [at + n * timedelta(hours=1) for n in range(6)]
    return [f"{[schedule.slot_at(now) for schedule in SCHEDULES]} {now.date()}" for now in hours]
