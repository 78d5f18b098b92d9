"""Statements whose plan is kept: planned once a connection, answered as ever, and forgotten by nobody for long."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from portal.config import load_settings
from portal.database.kept_plans import KEEPS_PLANS
from portal.queries.counted_hours import counted_hours
from portal.queries.trace_statements import TraceKind, naming
from tests.conftest import SECRETS
from tests.queries.books import Event, Money, write, write_money

STATEMENT = naming(TraceKind.PAYOUT, bounded=False)
KEPT = text("select generic_plans, custom_plans from pg_prepared_statements where name like 'kept_%'")


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    """A connection of an engine that keeps plans."""
    engine = create_engine(database_url, execution_options={KEEPS_PLANS: True})
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture(autouse=True)
def rows(session: Session) -> None:
    """Rows of both books about two payouts."""
    write(session, [Event("PAYOUT_REQUESTED", details={"payoutId": name}) for name in ("p-1", "p-2", "p-1")])
    write_money(session, [Money(payout_id="p-2", entity_id="p-2")])


def about(connection: Connection, payout: str) -> list[Any]:
    found = connection.execute(STATEMENT, {"id": payout, "most": 10}).all()
    connection.rollback()
    return [row[:2] for row in found]


def kept(connection: Connection) -> list[Any]:
    return [tuple(row) for row in connection.execute(KEPT)]


def test_a_statement_is_planned_once_whatever_its_values(connection: Connection, owner_engine: Engine) -> None:
    payouts = ("p-1", "p-2", "p-3", "100% '; select")
    found = [about(connection, payout) for payout in payouts]
    assert [len(rows) for rows in found] == [2, 2, 0, 0]
    assert kept(connection) == [(4, 0)]
    with owner_engine.connect() as plain:
        assert found == [about(plain, payout) for payout in payouts]
        assert kept(plain) == []


def test_one_without_values_is_kept_as_well(connection: Connection, session: Session) -> None:
    with Session(connection) as keeping:
        found = [counted_hours(keeping) for _ in range(2)]
        assert kept(connection) == [(2, 0)]
    assert found == [counted_hours(session)] * 2
    assert found[0].oldest_row is not None


def test_one_that_the_server_forgot_fails_once(connection: Connection) -> None:
    first = about(connection, "p-1")
    connection.exec_driver_sql("deallocate all")
    with pytest.raises(OperationalError, match="does not exist"):
        about(connection, "p-1")
    connection.rollback()
    assert about(connection, "p-1") == first


def test_no_two_connections_share_a_name(connection: Connection, database_url: str) -> None:
    """Behind a pooler one could meet the other's: it must not be another statement's."""
    names = text("select name from pg_prepared_statements where name like 'kept_%'")
    other = create_engine(database_url, execution_options={KEEPS_PLANS: True})
    with other.connect() as second:
        for each in (connection, second):
            about(each, "p-1")
        assert len({*connection.scalars(names), *second.scalars(names)}) == 2
    other.dispose()


def test_a_failure_on_the_way_leaves_no_half_name(connection: Connection) -> None:
    with pytest.raises(OperationalError):
        connection.exec_driver_sql("set local statement_timeout = 1; select pg_sleep(1)")
    with pytest.raises(Exception, match="aborted"):
        connection.execute(STATEMENT, {"id": "p-1", "most": 10})
    connection.rollback()
    assert len(about(connection, "p-1")) == 2


def test_plans_are_kept_unless_the_environment_says_otherwise() -> None:
    assert load_settings(SECRETS).database_kept_plans
    assert not load_settings({**SECRETS, "DATABASE_KEPT_PLANS": "off"}).database_kept_plans
