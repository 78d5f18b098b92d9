"""Completeness against the catalogue, type by type, within its bounds."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from portal.audit.catalogue import CATALOGUE
from portal.queries import completeness as module
from portal.queries.completeness import completeness, incomplete_rows, marked_rows
from portal.queries.time_range import TimeRange
from tests.queries.books import NOON, Event, minutes, write

WEEK = TimeRange(NOON - timedelta(days=7), NOON + timedelta(hours=1))
BLAME = ("from", "")
PAID = sorted(CATALOGUE["PAYOUT_APPROVED"].required)
WHOLE = dict.fromkeys(PAID, "x")


def without(*keys: str) -> dict[str, str]:
    return {key: value for key, value in WHOLE.items() if key not in keys}


@pytest.fixture
def ids(app: Flask, session: Session) -> list[int]:
    """Three whole rows of a type, two without its creator, one of them of another level, and one long ago."""
    kind = "PAYOUT_APPROVED"
    return write(
        session,
        [
            *(Event(kind, details=WHOLE, at=NOON + minutes(n)) for n in range(3)),
            Event(kind, details=without("creatorId"), at=NOON + minutes(5)),
            Event(kind, "ERROR", details=without("creatorId", "amount"), at=NOON + minutes(9)),
            Event(kind, details={}, at=NOON - timedelta(days=8)),
            Event("USER_LOGIN", details={"ipAddress": "1", "userAgent": None}, at=NOON),
            Event("CRON_STARTED", details={"catalogueViolation": ["unknown type CRON_STARTED"]}, at=NOON),
        ],
    )


def test_each_type_has_its_share_and_what_is_missing(ids: list[int], session: Session) -> None:
    found = completeness(session, WEEK, blame=BLAME)
    assert [(k.type, k.checked, k.incomplete, dict(k.missing)) for k in found] == [
        ("PAYOUT_APPROVED", 5, 2, {"creatorId": 2, "amount": 1}),
        ("USER_LOGIN", 1, 0, {}),
    ]
    assert found[0].share == pytest.approx(0.6)
    assert found[0].newest == NOON + minutes(9)


def test_only_the_newest_rows_of_a_type_and_level_are_looked_at(
    ids: list[int], session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SAMPLE", 2)
    [payout, _] = completeness(session, WEEK, blame=BLAME)
    assert (payout.checked, payout.incomplete) == (3, 2)


def test_offenders_are_named_with_what_they_lack(ids: list[int], session: Session) -> None:
    found = incomplete_rows(session, "PAYOUT_APPROVED", WEEK, blame=BLAME)
    assert [(o.entry.id, list(o.wrong)) for o in found] == [
        (ids[4], ["amount", "creatorId"]),
        (ids[3], ["creatorId"]),
    ]
    assert incomplete_rows(session, "USER_LOGIN", WEEK, blame=BLAME) == []
    [marked] = marked_rows(session, WEEK, blame=BLAME)
    assert (marked.entry.id, marked.wrong) == (ids[7], ["unknown type CRON_STARTED"])
