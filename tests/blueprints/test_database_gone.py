"""The database gone under a request: 503 in the reader's words, without asking it for anything more."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from flask import Flask
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from portal.audit import writer
from portal.audit.spool import Spool
from portal.extensions import db
from tests.browser import Browser
from tests.factories import Factory

ADMIN = "/dashboard/admin"


class Gone:
    """Switches the database off, and counts who asks for it."""

    def __init__(self, app: Flask) -> None:
        self.asked = 0
        with_apart = writer.apart().engine
        assert with_apart is not None
        with app.app_context():
            self.engines = [db.engine, with_apart]

    def begin(self) -> None:
        for engine in self.engines:
            engine.dispose()
            event.listen(engine, "do_connect", self.refuse)

    def end(self) -> None:
        for engine in self.engines:
            if event.contains(engine, "do_connect", self.refuse):
                event.remove(engine, "do_connect", self.refuse)

    def refuse(self, *_: Any) -> None:
        self.asked += 1
        raise psycopg2.OperationalError('connection to server on socket "/x/.s.PGSQL.5432" failed: refused')


@pytest.fixture
def spool(app: Flask, tmp_path: Path) -> Iterator[Spool]:
    before = writer.apart()
    engine, kept = before.engine, before.spool
    assert engine is not None
    spool = Spool(tmp_path / "spool")
    writer.configure(engine, strict=True, spool=spool)
    yield spool
    writer.configure(engine, strict=True, spool=kept)


@pytest.fixture
def gone(app: Flask, spool: Spool) -> Iterator[Gone]:
    gone = Gone(app)
    yield gone
    gone.end()


def waiting(spool: Spool) -> list[dict[str, Any]]:
    return [json.loads(line) for path in spool.folder.glob("*.ndjson") for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    ("language", "words"),
    [("fr", "Le portail est momentanément indisponible"), ("en", "The portal is temporarily unavailable")],
)
def test_a_page_answers_503_in_the_readers_language(
    browser: Browser, factory: Factory, gone: Gone, language: str, words: str
) -> None:
    browser.sign_in(factory.admin().email)
    browser.get(f"/language/{language}")
    gone.begin()
    page = browser.get(ADMIN)
    assert (page.status_code, page.headers["Retry-After"]) == (503, "5")
    assert words in browser.words
    assert page.headers["X-Request-Id"] in browser.text
    assert re.search(rf'href="{ADMIN}"[^>]*>\s*(<[^>]+>)?\s*(Réessayer|Retry|Try again)', browser.text)


def test_the_error_page_asks_nothing_of_the_database(
    browser: Browser, factory: Factory, gone: Gone, spool: Spool
) -> None:
    browser.sign_in(factory.admin().email)
    gone.begin()
    browser.get(ADMIN)
    assert gone.asked == 2  # who is asking; and the row that says so
    [line] = waiting(spool)
    facts = line["values"]["metadata"]
    assert (line["values"]["type"], facts["endpoint"], facts["status"]) == ("API_ERROR", ADMIN, 503)
    assert browser.page is not None
    assert line["values"]["request_id"] == browser.page.headers["X-Request-Id"]
    browser.get(ADMIN)
    assert gone.asked == 3  # a moment later the row is not offered again
    assert len(waiting(spool)) == 2


def test_whoever_is_signed_in_stays_signed_in(browser: Browser, factory: Factory, gone: Gone) -> None:
    browser.sign_in(factory.admin().email)
    gone.begin()
    assert browser.get(ADMIN).status_code == 503
    gone.end()
    assert browser.get(ADMIN).status_code == 200


@pytest.mark.parametrize("path", ["/nowhere-at-all", "/login", "/dashboard", "/readyz", f"{ADMIN}/payouts"])
def test_errors_and_redirects_become_503_too(browser: Browser, factory: Factory, gone: Gone, path: str) -> None:
    browser.sign_in(factory.admin().email)
    gone.begin()
    assert browser.get(path).status_code == 503


def test_a_page_that_needs_nobody_goes_on(browser: Browser, gone: Gone) -> None:
    gone.begin()
    assert browser.get("/login").status_code == 200
    assert browser.get("/healthz").status_code == 200


def test_a_refusal_whose_row_waits_on_disk_is_answered_as_ever(app: Flask, gone: Gone, spool: Spool) -> None:
    gone.begin()
    answer = app.test_client().post("/api/payments/webhook", data=b"{}", headers={"Stripe-Signature": "t=1,v1=0"})
    assert answer.status_code == 400
    assert [line["values"]["type"] for line in waiting(spool)] == ["WEBHOOK_SIGNATURE_VERIFICATION_FAILED"]


def test_programs_are_told_in_json(app: Flask, browser: Browser, factory: Factory, gone: Gone) -> None:
    browser.sign_in(factory.admin().email)
    gone.begin()
    answer = browser.get("/api/admin/logs")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.get_json()["error"] == "DATABASE_UNAVAILABLE"
    assert answer.get_json()["details"] == {"retryAfterSeconds": 5}


def test_a_form_that_was_on_its_way_is_said_not_to_be_confirmed(
    browser: Browser, factory: Factory, gone: Gone
) -> None:
    browser.get("/login")
    gone.begin()
    browser.submit("/login", email="a@example.test", password="whatever-it-is")
    assert browser.status == 503
    assert "n’est pas confirmée" in browser.words
    assert "Réessayer" not in browser.words


def test_no_stack_trace_floods_the_journal(browser: Browser, factory: Factory, gone: Gone, capsys: Any) -> None:
    browser.sign_in(factory.admin().email)
    gone.begin()
    capsys.readouterr()
    browser.get(ADMIN)
    assert [line[:1] for line in capsys.readouterr().err.splitlines()] == ["{"]


def test_no_unknown_failure_is_taken_for_an_outage(browser: Browser, factory: Factory, app: Flask) -> None:
    browser.sign_in(factory.admin().email)
    assert browser.get("/api/admin/logs?limit=abc").status_code == 400


def test_an_answer_that_is_ready_survives_a_connection_lost_as_it_ends(
    app: Flask, browser: Browser, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser.sign_in(factory.admin().email)
    with app.app_context():
        dialect = db.engine.dialect

    def lost(connection: Any) -> None:
        raise psycopg2.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(dialect, "do_rollback", lost)
    assert browser.get(ADMIN).status_code == 200
    monkeypatch.undo()
    assert browser.get(ADMIN).status_code == 200


def test_a_connection_lost_in_the_middle_of_a_page_asks_for_nothing_more(
    browser: Browser, factory: Factory, gone: Gone, spool: Spool, session: Session
) -> None:
    """Who is asking was known by then: the frame of their pages would ask for badges and notices."""
    browser.sign_in(factory.admin().email)
    session.rollback()

    def lose(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if "FROM payout" in statement and gone.asked == 0:
            pid = connection.connection.dbapi_connection.get_backend_pid()
            session.execute(text("select pg_terminate_backend(:pid)"), {"pid": pid})
            session.commit()
            gone.begin()

    event.listen(gone.engines[0], "before_cursor_execute", lose)
    try:
        assert browser.get(ADMIN).status_code == 503
    finally:
        event.remove(gone.engines[0], "before_cursor_execute", lose)
    assert gone.asked == 1
    assert [line["values"]["actor"] for line in waiting(spool)] == ["ADMIN"]
