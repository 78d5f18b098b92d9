"""The migrations make what the models say, and the partitions that the books need."""

from datetime import UTC, datetime, timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from flask import Flask
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from portal.jobs import keep_partitions
from portal.models import metadata

BOOKS = {"log", "transaction_log"}


def _ours(item: object, name: str | None, kind: str, reflected: bool, compared: object) -> bool:
    """Partitions and the books' own indexes are made by SQL: other tests hold them."""
    table = getattr(item, "table", item)
    return not getattr(table, "name", "").startswith(("log_2", "transaction_log_2", "alembic")) and not (
        kind in {"index", "column"} and getattr(table, "name", "") in BOOKS
    )


@pytest.mark.filterwarnings("ignore:Did not recognize type 'xid8'")
def test_the_migrated_database_is_what_the_models_say(portal_app: Flask, owner_engine: Engine) -> None:
    with owner_engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_object": _ours, "compare_type": False, "compare_server_default": False}
        )
        assert compare_metadata(context, metadata) == []


def test_the_books_have_their_indexes_columns_and_partitions(session: Session) -> None:
    for book in BOOKS:
        found = set(
            session.scalars(text("select indexname from pg_indexes where tablename = :book"), {"book": book})
        )
        wanted = {index.name for index in metadata.tables[book].indexes} | {f"ix_{book}_search", f"pk_{book}"}
        assert found == wanted
        columns = session.scalars(
            text("select column_name from information_schema.columns where table_name = :book"), {"book": book}
        )
        assert set(columns) == {column.name for column in metadata.tables[book].columns}


def test_two_weeks_of_partitions_are_made_ahead_and_made_once(app: Flask, session: Session) -> None:
    weeks = text("select inhrelid::regclass::text from pg_inherits where inhparent = 'log'::regclass")
    keep_partitions.tick(app)
    before = set(session.scalars(weeks))
    keep_partitions.tick(app)
    session.rollback()
    ahead = [(datetime.now(UTC) + timedelta(weeks=n)).isocalendar() for n in range(3)]
    assert {f"log_{week.year}w{week.week:02d}" for week in ahead} <= before
    assert set(session.scalars(weeks)) == before


def test_a_week_that_crosses_the_year_is_one_partition(session: Session) -> None:
    session.execute(text("select make_partitions('2020-12-30+00', '2021-01-02+00')"))
    made = session.scalars(
        text("select inhrelid::regclass::text from pg_inherits where inhrelid::regclass::text like '%_202%'")
    ).all()
    assert "log_2020w53" in made
    assert "log_2021w01" not in made
    assert {"transaction_log_2020m12", "transaction_log_2021m01"} <= set(made)
    session.rollback()
