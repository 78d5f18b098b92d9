"""Exports: the whole result under the specification's names, safe cells, one manifest each, however it ends."""

import csv
import hashlib
import io
import json
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.blueprints.exports import sending
from portal.domain import exports as rules
from portal.queries import exports as queries
from tests.browser import Browser
from tests.factories import Factory
from tests.queries.books import NOON, Event, Money, minutes, write, write_money

LOGS, MONEY = "/api/admin/system-logs/export", "/api/admin/logs/export"
ENDS = text("""
select type, level, metadata from log where type like 'LOGS_EXPORT%' order by id
""")

KILL = text("select pg_terminate_backend(pid) from pg_stat_activity where query like 'FETCH%'")


@pytest.fixture
def admin(browser: Browser, factory: Factory) -> Browser:
    """A signed-in admin."""
    return browser.sign_in(factory.admin(email="zoe@example.test").email)


def told(session: Session) -> list[tuple[str, str, dict[str, Any]]]:
    session.rollback()
    return [(row.type, row.level, row.metadata) for row in session.execute(ENDS)]


def manifest(browser: Browser, export_id: str) -> dict[str, Any]:
    answer = browser.client.get(f"/api/admin/exports/{export_id}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json or {})


def test_ndjson_holds_the_whole_result_and_its_manifest_the_digest(admin: Browser, session: Session) -> None:
    details = {"amount": 1.5, "é": ["'"]}
    ids = write(session, [Event("PAYOUT_PAID", details=details, at=NOON + minutes(n)) for n in range(2300)])
    write(session, [Event("USER_LOGIN")])
    answer = admin.client.get(f"{LOGS}?format=ndjson&type=PAYOUT_*&from=2026-11-01&tz=UTC")
    assert (answer.status_code, answer.mimetype) == (200, "application/x-ndjson")
    rows = [json.loads(line) for line in answer.data.splitlines()]
    assert [row["id"] for row in rows] == ids[::-1]
    assert list(rows[0]) == list(queries.LOG_FIELDS)
    assert rows[-1]["createdAt"] == "2026-11-01T12:00:00.000000Z"
    assert rows[0]["metadata"] == details
    made = manifest(admin, answer.headers["X-Export-Id"])
    assert (made["state"], made["complete"], made["rows"]) == ("COMPLETE", True, 2300)
    assert made["bytes"] == len(answer.data)
    assert made["sha256"] == hashlib.sha256(answer.data).hexdigest()
    filters = {"type": ["PAYOUT_*"], "tz": ["UTC"], "from": ["2026-11-01T00:00:00.000000Z"]}
    assert (made["filters"], made["by"]) == (filters, "zoe@example.test")
    assert made["file"] in answer.headers["Content-Disposition"]
    started, ended = told(session)
    assert (started[:2], ended[:2]) == (("LOGS_EXPORT_STARTED", "INFO"), ("LOGS_EXPORTED", "INFO"))
    assert started[2]["filters"] == ended[2]["filters"] == filters
    assert "rows" not in started[2]
    assert (ended[2]["rows"], ended[2]["sha256"]) == (2300, made["sha256"])
    for address in (f"/dashboard/admin/exports/{made['id']}", "/dashboard/admin/exports?book=log&state=COMPLETE"):
        assert admin.get(address).status_code == 200
        assert made["sha256"] in admin.text


def test_an_export_does_not_hold_its_own_record(admin: Browser, session: Session) -> None:
    write(session, [Event(message="solde insuffisant", at=NOON)])
    answer = admin.client.get(f"{LOGS}?format=ndjson&q=insuffisant")
    assert [json.loads(line)["message"] for line in answer.data.splitlines()] == ["solde insuffisant"]
    assert "insuffisant" in told(session)[0][2]["filters"]["q"]


def test_cells_that_a_spreadsheet_would_run_are_text(admin: Browser, session: Session) -> None:
    nasty = ['=cmd|"/c calc"!A1', "+1", "-2+3", "@SUM(1)", "\t=1", "\r=1", "＝1", 'a,"b"\r\nc', "plain"]
    write(session, [Event(message=message, details={"x": message, "n": -1}) for message in nasty])
    answer = admin.client.get(f"{LOGS}?format=csv&actor=SYSTEM&columns=x,n&sort=createdAt")
    assert answer.content_type == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.data.decode(), newline="")))
    safe = [f"'{m}" if m not in {'a,"b"\r\nc', "plain"} else m for m in nasty]
    assert [row["message"] for row in rows] == [row["x"] for row in rows] == safe
    assert {row["n"] for row in rows} == {"-1"}
    assert json.loads(rows[0]["metadata"])["x"] == nasty[0]
    assert manifest(admin, answer.headers["X-Export-Id"])["rows"] == len(nasty)


def test_the_book_of_money_and_an_empty_result(admin: Browser, session: Session) -> None:
    paid = Money("PAYMENT_SUCCEEDED", "PAYMENT", "pay-1", -10050, "EUR")
    write_money(session, [paid, Money(amount_minor=500, currency="JPY")])
    answer = admin.client.get(f"{MONEY}?format=ndjson&currency=EUR")
    [row] = [json.loads(line) for line in answer.data.splitlines()]
    assert (row["amount"], row["currency"], list(row)) == (-100.5, "EUR", list(queries.MONEY_FIELDS))
    whole = admin.client.get(f"{MONEY}?format=csv")
    assert whole.status_code == 200, whole.text
    rows = list(csv.DictReader(io.StringIO(whole.text)))
    assert {row["amount"] for row in rows} == {"-100.50", "500"}
    empty = admin.client.get(f"{MONEY}?format=csv&currency=USD")
    assert empty.data.decode() == ",".join(queries.MONEY_FIELDS) + "\r\n"
    assert manifest(admin, empty.headers["X-Export-Id"])["complete"] is True
    nothing = admin.client.get(f"{MONEY}?format=ndjson&currency=USD")
    assert (nothing.data, manifest(admin, nothing.headers["X-Export-Id"])["rows"]) == (b"", 0)


def test_a_reader_who_leaves_is_recorded_as_cut_and_leaves_room(admin: Browser, session: Session) -> None:
    write(session, [Event()] * 3500)
    for _ in range(sending.MOST_AT_ONCE + 1):
        answer = admin.client.get(f"{LOGS}?format=ndjson", buffered=False)
        next(iter(answer.response))
        answer.close()
        made = manifest(admin, answer.headers["X-Export-Id"])
        assert (made["state"], made["sha256"], made["error"]) == ("CUT", None, "reader_gone")
        assert made["complete"] is False
    kind, level, facts = told(session)[-1]
    assert (kind, level, facts["reason"]) == ("LOGS_EXPORT_INTERRUPTED", "WARNING", "reader_gone")
    assert 0 < facts["rows"] < 3500
    admin.get(f"/dashboard/admin/exports/{made['id']}")
    assert "ne vous en servez pas comme preuve" in admin.words


def test_what_breaks_midway_breaks_the_answer_and_is_recorded(
    admin: Browser, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(session, [Event(at=NOON + minutes(n)) for n in range(4000)])
    record, seen = queries.log_record, []

    def broken(row: Any) -> Any:
        seen.append(row)
        if len(seen) > 2000:
            session.execute(KILL)
        return record(row)

    monkeypatch.setattr(queries, "AT_ONCE", 900)
    monkeypatch.setattr(queries, "log_record", broken)
    answer = admin.client.get(f"{LOGS}?format=ndjson", buffered=False)
    with pytest.raises(Exception, match="terminat"):
        b"".join(answer.response)
    answer.close()
    made = manifest(admin, answer.headers["X-Export-Id"])
    assert (made["state"], made["sha256"]) == ("FAILED", None)
    assert [row[:2] for row in told(session)] == [("LOGS_EXPORT_STARTED", "INFO"), ("LOGS_EXPORT_FAILED", "ERROR")]


def test_an_export_takes_its_time_and_no_more(
    admin: Browser, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(session, [Event()] * 1500)
    monkeypatch.setattr(rules.export_pieces, "__kwdefaults__", {"longest": rules.LONGEST * 0})
    assert admin.client.get(f"{LOGS}?format=ndjson").status_code == 500
    assert told(session)[-1][2]["reason"] == "too_long"


def test_only_so_many_at_once(admin: Browser, session: Session) -> None:
    write(session, [Event()] * 2500)
    held = [admin.client.get(f"{LOGS}?format=csv", buffered=False) for _ in range(sending.MOST_AT_ONCE)]
    refused = admin.client.get(f"{LOGS}?format=csv")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "30")
    assert admin.get("/dashboard/admin/logs/export?format=csv").status_code == 429
    for answer in held:
        answer.close()
    assert admin.client.get(f"{LOGS}?format=csv").status_code == 200


@pytest.mark.parametrize(
    ("query", "parameter"),
    [("", "format"), ("format=xml", "format"), ("format=csv&cursor=x", "cursor"), ("format=csv&limit=25", "limit"),
     ("format=csv&level=DEBUG", "level"), ("format=csv&columns=a%20b", "columns"), ("format=csv&open=1", "open")],
)  # fmt: skip
def test_a_bad_parameter_is_named_before_anything_is_recorded(
    admin: Browser, session: Session, query: str, parameter: str
) -> None:
    answer = admin.client.get(f"{LOGS}?{query}")
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["details"]["parameter"] == parameter
    assert told(session) == []


def test_others_export_nothing(app: Flask, factory: Factory) -> None:
    creator = Browser(app).sign_in(factory.creator(account=False).user.email)
    pages = ["/dashboard/admin/exports", "/dashboard/admin/system-logs/export", "/dashboard/admin/logs/export"]
    for address in (LOGS, MONEY, "/api/admin/exports/01a21c4c-60d2-754d-8346-eabc8244dd03", *pages):
        assert creator.get(f"{address}?format=csv").status_code == 403
        assert Browser(app).client.get(f"{address}?format=csv").status_code in {302, 401}


def test_a_manifest_that_is_not_there_is_404_and_cannot_be_changed(
    app: Flask, admin: Browser, session: Session
) -> None:
    for address in ("/api/admin/exports/01a21c4c-60d2-754d-8346-eabc8244dd03", "/dashboard/admin/exports/x"):
        assert admin.get(address).status_code == 404
    columns = session.scalars(
        text("select column_name from information_schema.column_privileges where table_name = 'log_export'"
             " and grantee = 'callastar_app' and privilege_type = 'UPDATE'")
    )  # fmt: skip
    assert set(columns) == {"state", "ended_at", "row_count", "byte_count", "sha256", "error"}


def test_the_pages_offer_their_whole_result_and_a_link_that_stays(admin: Browser, session: Session) -> None:
    write(session, [Event(details={"amount": 12, "error": {"code": "no_funds"}}, at=NOON)])
    admin.get("/dashboard/admin/system-logs?actor=SYSTEM&limit=25&columns=amount,error.code&columns=amount")
    assert "12" in admin.words
    assert "no_funds" in admin.words
    columns = "columns=amount%2Cerror.code&amp;columns=amount"
    assert f"/system-logs/export?actor=SYSTEM&amp;{columns}&amp;format=csv" in admin.text
    admin.get("/dashboard/admin/logs?from=now-1h")
    assert 'data-copy="/dashboard/admin/logs?from=20' in admin.text
    assert "&amp;to=20" in admin.text.partition("data-copy=")[2][:200]
    for wrong in ("columns=a%20b", "columns=a,b,c,d,e,f,g", "columns=" + "x" * 70, "columns=%00"):
        assert admin.get(f"/dashboard/admin/logs?{wrong}").status_code == 400
