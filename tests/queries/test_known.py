"""What a search knows beforehand never hides a row: kinds that came since, rows dated back, nobody's ids."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from portal.models.log import TRACED_KEYS
from portal.queries import known
from portal.queries.known import keys_naming, known_kinds
from portal.queries.log_search import LogSearch
from tests.factories import Factory
from tests.queries.books import NOON, Event, write

NOW = NOON + timedelta(days=1)


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    known._remembered.clear()
    yield
    known._remembered.clear()


def found(session: Session, *pairs: tuple[str, str]) -> list[str]:
    search = LogSearch.from_args(MultiDict(pairs), now=NOW, tz="UTC")
    return [row.type for row in search.page(session).rows]


def test_kinds_are_each_type_with_its_levels(app: Flask, session: Session) -> None:
    write(session, [Event(type="B_ONE"), Event(type="A_ONE", level="ERROR"), Event(type="B_ONE")])
    write(session, [Event(type="B_ONE", level="CRITICAL")])
    assert known_kinds(session).pairs == (("A_ONE", "ERROR"), ("B_ONE", "INFO"), ("B_ONE", "CRITICAL"))


def test_an_empty_book_has_no_kinds(app: Flask, session: Session) -> None:
    assert known_kinds(session).pairs == ()
    assert found(session, ("type", "PAYOUT_*")) == []


def test_a_kind_that_came_since_is_found_whatever_its_date(app: Flask, session: Session) -> None:
    write(session, [Event(type="PAYOUT_PAID")])
    assert found(session, ("type", "PAYOUT_*")) == ["PAYOUT_PAID"]
    write(session, [Event(type="PAYOUT_NEW", at=NOON - timedelta(days=9), level="ERROR"), Event(type="CRON_NEW")])
    assert found(session, ("type", "PAYOUT_*")) == ["PAYOUT_PAID", "PAYOUT_NEW"]
    assert found(session, ("type", "PAYOUT_*"), ("level", "ERROR")) == ["PAYOUT_NEW"]
    assert ("PAYOUT_NEW", "ERROR") not in known_kinds(session).pairs


def test_rows_beyond_the_newest_are_found_by_their_kind(
    app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "MARGIN", 0)
    write(session, [Event(type="PAYOUT_OLD", at=NOON - timedelta(days=2)), Event(type="CRON_OLD")])
    assert found(session, ("type", "PAYOUT_*")) == ["PAYOUT_OLD"]
    assert found(session, ("type", "PAYOUT_*"), ("type", "CRON_OLD")) == ["CRON_OLD", "PAYOUT_OLD"]


def test_an_id_of_ours_is_looked_for_under_its_own_key(app: Flask, session: Session, factory: Factory) -> None:
    creator = factory.creator()
    session.commit()
    assert keys_naming(session, str(creator.id)) == ("creatorId",)
    assert keys_naming(session, str(creator.user_id)) == TRACED_KEYS
    assert keys_naming(session, "evt_unknown") == TRACED_KEYS
    write(session, [Event(type="MINE", details={"creatorId": str(creator.id)}), Event(type="OTHER")])
    assert found(session, ("entity", str(creator.id))) == ["MINE"]
