"""The explorers on a second database: read there, read-only, and from the primary while it is gone."""

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import InternalError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from portal.audit import writer
from portal.config import load_settings
from portal.database import database_urls, patience
from portal.extensions import db
from portal.unit_of_work import Replica, reading, reading_books
from tests.browser import Browser
from tests.conftest import SECRETS
from tests.factories import Factory
from tests.queries.books import Event, Money, write, write_money

LOGS, MONEY, API = "/dashboard/admin/system-logs", "/dashboard/admin/logs", "/api/admin/system-logs"
COPY = "callastar_copy"
GONE = "ne répond pas : cette page a été lue dans la base principale"


@pytest.fixture(scope="module")
def copy_url(portal_app: Flask, owner_engine: Engine) -> Iterator[str]:
    """A copy of the migrated database, without a row."""
    with portal_app.app_context():
        db.engine.dispose()
    apart = writer.apart().engine
    assert apart is not None
    apart.dispose()
    url = owner_engine.url
    maker = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with maker.connect() as connection:
        connection.execute(text(f"drop database if exists {COPY}"))
        connection.execute(text(f"create database {COPY} template {url.database}"))
        yield url.set(database=COPY).render_as_string(hide_password=False)
        connection.execute(text(f"drop database {COPY} with (force)"))


@pytest.fixture
def copy(copy_url: str, app: Flask) -> Iterator[Engine]:
    """The application with that replica; an engine to write to it as its owner."""
    urls = database_urls(load_settings({**SECRETS, "DATABASE_URL": copy_url, "DATABASE_REPLICA_URL": copy_url}))
    assert urls.replica is not None
    app.extensions["replica"] = Replica(create_engine(urls.replica, connect_args=patience(urls.replica)))
    owner = create_engine(copy_url, poolclass=NullPool)
    with owner.begin() as connection:
        connection.execute(text("set session_replication_role = replica"))
        connection.execute(text("truncate log, transaction_log restart identity"))
    yield owner
    app.extensions["replica"].engine.dispose()
    app.extensions["replica"] = None


@pytest.fixture
def admin(browser: Browser, factory: Factory) -> Browser:
    """A signed-in admin."""
    return browser.sign_in(factory.admin().email)


@pytest.fixture
def books(copy: Engine, session: Session, admin: Browser) -> None:
    """One row on the primary and another in the copy, in each book."""
    write(session, [Event("ONLY_ON_PRIMARY")])
    write_money(session, [Money("REFUND_FAILED", "REFUND")])
    with Session(copy) as there:
        write(there, [Event("ONLY_IN_COPY")])
        write_money(there, [Money("PAYOUT_PAID")])


def test_both_explorers_read_the_copy(admin: Browser, books: None) -> None:
    admin.get(f"{LOGS}?type=ONLY_*")
    assert 'data-type="ONLY_IN_COPY"' in admin.text
    assert "ONLY_ON_PRIMARY" not in admin.text
    assert GONE not in admin.words
    assert 'data-type="PAYOUT_PAID"' in admin.get(MONEY).text
    answer = admin.client.get(f"{API}?type=ONLY_*").json
    assert answer is not None
    assert [item["type"] for item in answer["items"]] == ["ONLY_IN_COPY"]


def test_a_row_that_an_address_names_is_the_primarys(admin: Browser, session: Session, books: None) -> None:
    row = session.scalar(text("select id from log where type = 'ONLY_ON_PRIMARY'"))
    assert "ONLY_ON_PRIMARY" in admin.get(f"{LOGS}/{row}").text
    assert "ONLY_IN_COPY" in admin.text  # its neighbours


def test_the_copy_is_read_in_transactions_that_may_not_write(app: Flask, copy: Engine) -> None:
    with app.app_context(), pytest.raises(InternalError, match="read-only transaction"):
        reading_books().execute(text("create temporary table x (y int)"))


def test_without_a_replica_books_are_read_where_everything_is(context: Flask) -> None:
    assert reading_books() is reading()


def test_a_replica_that_refuses_connections_leaves_the_page_readable_and_said_so(
    admin: Browser, app: Flask, books: None, caplog: pytest.LogCaptureFixture
) -> None:
    app.extensions["replica"] = Replica(create_engine("postgresql+psycopg2://nobody@127.0.0.1:1/nothing"))
    for _ in range(2):
        assert admin.get(f"{LOGS}?type=ONLY_*").status_code == 200
        assert 'data-type="ONLY_ON_PRIMARY"' in admin.text
        assert GONE in admin.words
    assert len(caplog.records) == 1, "the second request does not wait for it again"
    assert admin.client.get(f"{API}?type=ONLY_*").status_code == 200
    admin.get("/dashboard/admin")
    assert GONE not in admin.words


def test_a_replica_lost_during_a_read_is_read_from_the_primary(admin: Browser, app: Flask, books: None) -> None:
    replica = app.extensions["replica"]
    owner = create_engine(replica.engine.url.update_query_dict({"options": ""}), poolclass=NullPool)

    @event.listens_for(replica.engine, "before_cursor_execute", once=True)
    def lose(connection: object, cursor: object, statement: str, *_: object) -> None:
        with owner.connect() as killer:
            others = f"datname = '{COPY}' and pid <> pg_backend_pid()"
            killer.execute(text(f"select pg_terminate_backend(pid) from pg_stat_activity where {others}"))

    assert admin.get(f"{LOGS}?type=ONLY_*").status_code == 200
    assert 'data-type="ONLY_ON_PRIMARY"' in admin.text
    assert GONE in admin.words
    assert admin.get(f"{LOGS}?level=DEBUG").status_code == 400
