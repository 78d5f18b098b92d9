"""300 fuzzed searches: the CI size of `python -m tests.faults.query_fuzz`."""

from flask import Flask
from sqlalchemy.orm import Session

from tests.faults.query_fuzz import Fuzzer, fuzz


def test_fuzzed_searches_are_never_a_server_error_nor_endless(app: Flask, session: Session) -> None:
    outcome = fuzz(app, session, 300, seed=7)
    assert outcome.wrong == []
    assert set(outcome.answers) <= {200, 400, 404}
    assert min(outcome.answers[200], outcome.answers[400]) > 50


def test_a_seed_makes_the_same_searches_again() -> None:
    first, again = Fuzzer(3), Fuzzer(3)
    assert [first.next() for _ in range(50)] == [again.next() for _ in range(50)]
