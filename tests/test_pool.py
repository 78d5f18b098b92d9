"""Connections that are handed out alive, without a trip to the server for each."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from portal.database import pool
from portal.database.pool import LIVELY


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """One connection, as the portal pools it."""
    engine = create_engine(database_url, pool_size=1, max_overflow=0, **LIVELY)
    yield engine
    engine.dispose()


@pytest.fixture
def pings(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The connections that were asked whether they live."""
    asked: list[Any] = []
    really = pool._psycopg2.do_ping

    def ping(connection: Any) -> bool:
        asked.append(connection)
        return bool(really(connection))

    monkeypatch.setattr(pool._psycopg2, "do_ping", ping)
    return asked


def backend(engine: Engine) -> int:
    """The server process that answers."""
    with engine.connect() as connection:
        return int(connection.scalar(text("select pg_backend_pid()")) or 0)


def end(owner: Engine, pid: int) -> None:
    """End a server process, and wait until it is gone."""
    with owner.connect() as connection:
        assert connection.scalar(text("select pg_terminate_backend(:pid, 5000)"), {"pid": pid})


def test_a_connection_that_rested_for_a_moment_is_not_asked(engine: Engine, pings: list[Any]) -> None:
    assert backend(engine) == backend(engine)
    assert pings == []


def test_a_connection_that_the_server_ended_is_replaced_at_once(
    engine: Engine, owner_engine: Engine, pings: list[Any]
) -> None:
    first = backend(engine)
    end(owner_engine, first)
    assert backend(engine) not in {0, first}
    assert len(pings) == 1


def test_a_connection_that_rested_long_is_asked(
    engine: Engine, pings: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "LONG_REST", -1.0)
    assert backend(engine) == backend(engine)
    assert len(pings) == 1


def test_one_dead_connection_lets_go_of_all_old_ones(owner_engine: Engine, database_url: str) -> None:
    engine = create_engine(database_url, pool_size=2, **LIVELY)
    with engine.connect() as one, engine.connect() as other:
        pids = {one.scalar(text("select pg_backend_pid()")), other.scalar(text("select pg_backend_pid()"))}
    for pid in pids:
        end(owner_engine, int(pid or 0))
    with engine.connect() as one, engine.connect() as other:
        assert not pids & {
            one.scalar(text("select pg_backend_pid()")),
            other.scalar(text("select pg_backend_pid()")),
        }
    engine.dispose()
