"""The benchmarks of the log, in small: they run as documented, ask everything, and judge by their goals."""

import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.explorer_pages import LIST_MS, Question
from benchmarks.explorer_report import Found, growth, said, verdict
from benchmarks.http_clock import Timing
from benchmarks.log_kinds import SLOTS, kinds
from portal.audit.catalogue import CATALOGUE, violations
from portal.models import LogLevel

ROOT = Path(__file__).parent.parent.parent


def run(module: str, *options: str) -> str:
    command = [sys.executable, "-m", f"benchmarks.{module}", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_small_explorer_benchmark_asks_every_question() -> None:
    told = run("explorer", "--rows", "3000", "--repeat", "1", "--warm", "0")
    asked = (
        "newest",
        "types PAYOUT_*, ERROR",
        "text: absent",
        "trace: creator",
        "facets: 90 days",
        "money: newest",
    )
    for question in asked:
        assert re.search(rf"^{re.escape(question)} +\d", told, re.MULTILINE), told
    assert re.search(r"\d+ of \d+ goals met on 3,000 rows", told), told
    assert not re.search(r" inf\b", told), told


def test_a_small_ingest_benchmark_measures_every_way() -> None:
    told = run("ingest", "--seconds", "0.1", "--rounds", "1", "--batch", "5")
    for way in (
        "raw INSERT, a row a commit",
        "audit.writer apart, a row a commit",
        "raw COPY, 5 rows",
        "unit_of_work",
    ):
        assert len(re.findall(rf"^{re.escape(way)}.*\d", told, re.MULTILINE)) == 2, told
    assert "fsync on, synchronous_commit on" in told


def test_made_rows_are_what_the_catalogue_asks_for() -> None:
    made = list(kinds(random.Random(1)))
    assert len(made) == SLOTS
    assert {kind.type for kind in made} == set(CATALOGUE)
    levels = Counter(kind.level for kind in made)
    assert levels[LogLevel.INFO] / SLOTS == pytest.approx(0.9, abs=0.01)
    assert levels[LogLevel.ERROR] / SLOTS == pytest.approx(0.025, abs=0.005)
    for kind in made[::97]:
        keys = dict.fromkeys(re.findall(r'"(\w+)": ', kind.metadata))
        assert not violations(kind.type, kind.level, keys)


def test_goals_are_missed_by_a_slow_page_and_by_a_quick_peer() -> None:
    def timing(ms: float) -> Timing:
        return Timing((ms, ms))

    question = Question("newest", "/", LIST_MS)
    good = Found(question, timing(6), timing(3), timing(60), timing(20), timing(600))
    assert (verdict([good]), good.goals) == ([], 2)
    slow = Found(question, timing(13), timing(4), timing(30), timing(20), timing(600))
    assert list(said(9000, [good, slow])) == [
        "2 of 4 goals met on 9,000 rows",
        "  missed: newest: 13.0 ms, the goal is 12",
        "  missed: newest: 3.25 times the template on constants",
        "2 of 4 answers of the others as much slower as was hoped",
        "  not: newest: Flask-Admin 2.3 times, of 3",
        "  not: newest: Django 46.2 times, of 50",
    ]
    assert list(growth([(1000, [good]), (9000, [slow])]))[-1].split() == ["newest", "6.0", "13.0", "2.17x"]
