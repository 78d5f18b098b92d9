"""Reads have no transaction around them; units of work have, whatever was read before them or in them."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from portal.extensions import db
from portal.queries.paging import read_within
from portal.unit_of_work import let_go, long_reading, reading, reading_books, unit_of_work

XID = text("select pg_current_xact_id()::text")
PUT = text("insert into setting (name, value, set_at) values ('put', '1', now())")
KEPT = text("select count(*) from setting where name = 'put'")


@pytest.mark.parametrize("session", [reading, reading_books])
def test_each_statement_read_is_a_transaction_of_its_own(context: Flask, session: Callable[[], Session]) -> None:
    assert session().scalar(XID) != session().scalar(XID)
    assert session() is session()


def test_no_transaction_is_left_idle(context: Flask, owner_engine: Engine) -> None:
    pid = reading().scalar(text("select pg_backend_pid()"))
    state = text("select state from pg_stat_activity where pid = :pid")
    with owner_engine.connect() as other:
        assert other.scalar(state, {"pid": pid}) == "idle"


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("within", [True, False])
def test_a_unit_that_fails_leaves_nothing(
    context: Flask, owner_engine: Engine, before: bool, within: bool
) -> None:
    if before:
        reading().execute(KEPT)
    with pytest.raises(ZeroDivisionError), unit_of_work() as session:
        if within:
            assert reading() is session
        first = session.scalar(XID)
        reading().execute(PUT)
        assert reading().scalar(XID) == first
        assert reading().scalar(KEPT) == 1
        raise ZeroDivisionError
    assert reading().scalar(KEPT) == 0
    with owner_engine.connect() as other:
        assert other.scalar(KEPT) == 0


def test_a_unit_keeps_what_it_wrote_and_reads_after_it_see_that(context: Flask) -> None:
    assert reading().scalar(KEPT) == 0
    with unit_of_work() as session:
        session.execute(PUT)
    assert reading().scalar(KEPT) == 1


def test_a_connection_that_was_read_with_is_given_back_as_it_was(context: Flask) -> None:
    db.engine.dispose()  # what is given back is then the only one there is
    pid = reading().scalar(text("select pg_backend_pid()"))
    let_go()
    for opened in (db.engine.connect, db.engine.begin):
        with opened() as connection:
            assert connection.scalar(text("select pg_backend_pid()")) == pid
            assert connection.scalar(XID) == connection.scalar(XID)


def test_a_connection_that_was_lost_while_it_read_does_no_harm(context: Flask, owner_engine: Engine) -> None:
    pid = reading().scalar(text("select pg_backend_pid()"))
    with owner_engine.connect() as other:
        other.execute(text("select pg_terminate_backend(:pid, 5000)"), {"pid": pid})
    let_go()
    with unit_of_work() as session:
        assert session.scalar(XID) == session.scalar(XID)


def test_a_limit_holds_for_its_own_statement(context: Flask) -> None:
    shown = text("show statement_timeout")
    assert read_within(reading(), shown, blame=("q", "")) == [("3s",)]
    assert reading().scalar(shown) == "0"


def test_long_reading_sees_one_moment_and_cannot_write(context: Flask) -> None:
    with long_reading() as moment:
        with unit_of_work() as session:
            session.execute(PUT)
        assert moment.scalar(KEPT) == 0
        with pytest.raises(Exception, match="read-only transaction"):
            moment.execute(PUT)
    assert reading().scalar(KEPT) == 1


def test_whoever_may_read_has_no_connection_before_he_does(context: Flask) -> None:
    let_go()
    before = db.engine.pool.checkedout()  # type: ignore[attr-defined]
    reading()
    assert db.engine.pool.checkedout() == before  # type: ignore[attr-defined]
    reading().scalar(XID)
    assert db.engine.pool.checkedout() == before + 1  # type: ignore[attr-defined]
