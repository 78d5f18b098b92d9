"""Turns at the inbox: what waits is stored at once, each brought thing is answered for itself."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import DataError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from portal.models import Log, StripeEvent
from portal.webhooks.together import COMPANY, MOST, Together
from tests.webhooks.test_receiving import CONNECT, body, signature


class Shelf:
    """Stores numbers; the first turn lasts until the others wait."""

    def __init__(self, poison: SQLAlchemyError | None = None) -> None:
        self.turns: list[list[int]] = []
        self.kept: list[int] = []
        self.poison = poison
        self.first = Event()
        self.go_on = Event()

    def store(self, things: Sequence[int]) -> None:
        self.turns.append(list(things))
        if len(self.turns) == 1:
            self.first.set()
            assert self.go_on.wait(10)
        if self.poison is not None and -1 in things:
            raise self.poison
        self.kept += things


def bring_while_one_is_stored(shelf: Shelf, things: Sequence[int]) -> list[object]:
    """0 alone, then `things` while it is being stored; what became of each of them."""
    together = Together(shelf.store)

    def bring(thing: int) -> object:
        try:
            return together.bring(thing)
        except SQLAlchemyError as error:
            return type(error)

    with ThreadPoolExecutor(len(things) + 1) as pool:
        leader = pool.submit(bring, 0)
        assert shelf.first.wait(10)
        others = [pool.submit(bring, thing) for thing in things]
        while len(together._waiting) < len(things):
            pass
        shelf.go_on.set()
        assert leader.result(10) is None
        return [other.result(10) for other in others]


def test_what_waits_is_stored_in_one_turn() -> None:
    shelf = Shelf()
    assert bring_while_one_is_stored(shelf, [1, 2, 3]) == [None] * 3
    assert (shelf.turns[0], sorted(shelf.turns[1]), len(shelf.turns)) == ([0], [1, 2, 3], 2)


def test_a_turn_is_bounded_and_nobody_is_forgotten() -> None:
    shelf = Shelf()
    many = list(range(1, MOST + 11))
    assert bring_while_one_is_stored(shelf, many) == [None] * len(many)
    assert [len(turn) for turn in shelf.turns] == [1, MOST, 10]
    assert sorted(shelf.kept) == [0, *many]


def test_one_that_cannot_be_stored_harms_nobody_else() -> None:
    shelf = Shelf(DataError("insert", {}, Exception("bad")))
    assert bring_while_one_is_stored(shelf, [1, -1, 2]) == [None, DataError, None]
    assert sorted(shelf.kept) == [0, 1, 2]


def test_without_a_database_everybody_hears_so_after_one_attempt() -> None:
    shelf = Shelf(OperationalError("insert", {}, Exception("server closed the connection")))
    assert bring_while_one_is_stored(shelf, [1, -1, 2]) == [OperationalError] * 3
    assert len(shelf.turns) == 2


def test_a_thread_that_is_stopped_leaves_nobody_waiting() -> None:
    def stop(_: Sequence[int]) -> None:
        raise SystemExit

    together = Together(stop)
    with pytest.raises(SystemExit):
        together.bring(1)
    with ThreadPoolExecutor(1) as pool, pytest.raises(SystemExit):
        pool.submit(together.bring, 2).result(10)


def test_after_a_shared_turn_the_next_one_waits_a_moment_for_as_many(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf()
    shelf.go_on.set()
    together, waits = Together(shelf.store), []
    with ThreadPoolExecutor(2) as pool:

        def company_comes(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 1:
                pool.submit(together.bring, 2)
                while len(together._waiting) < 2:
                    pass

        monkeypatch.setattr("portal.webhooks.together.time.sleep", company_comes)
        together._last = 2
        together.bring(1)
    together.bring(3)  # nobody comes: it has waited once, and the next one does not
    together.bring(4)
    assert shelf.turns == [[1, 2], [3], [4]]
    assert waits == [COMPANY, COMPANY]


def test_deliveries_at_once_are_each_stored_and_told_once(app: Flask, session: Session) -> None:
    """Eight threads, each event delivered by two of them, and one conflicting body."""
    start = Barrier(8)

    def post(n: int) -> int:
        payload = body(id=f"evt_{n // 2}", type="payout.failed" if n == 7 else "payout.paid")
        start.wait(10)
        headers = {"Stripe-Signature": signature(payload)}
        return app.test_client().post(CONNECT, data=payload, headers=headers).status_code

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(post, range(8))) == [200] * 8
    session.rollback()
    counts = dict(session.execute(select(Log.type, func.count()).group_by(Log.type)).all())
    assert counts == {
        "WEBHOOK_SIGNATURE_VERIFIED": 4,
        "WEBHOOK_RECEIVED": 4,
        "WEBHOOK_DUPLICATE": 3,
        "WEBHOOK_CONFLICT": 1,
    }
    assert len(set(session.scalars(select(Log.request_id)))) == 8
    stored = dict(session.execute(select(StripeEvent.id, StripeEvent.request_id)).all())
    told = select(Log.details["eventId"].astext, Log.request_id).where(Log.type == "WEBHOOK_RECEIVED")
    assert dict(session.execute(told).all()) == stored
