"""Joined rows share their transaction's fate; rows written apart outlive it."""

import json
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.actor import operation
from portal.audit.system_log import log_info
from portal.audit.transaction_log import log_payout
from portal.models import Log, LogActor, TransactionEventType, TransactionLog
from portal.unit_of_work import unit_of_work

INITIATED = ("PAYMENT_INTENT_CREATION_INITIATED", LogActor.USER, None, "user-1")


def test_a_joined_row_appears_with_the_commit(context: Flask, session: Session) -> None:
    with unit_of_work() as unit:
        assert log_info(*INITIATED, {"bookingId": "b"}, session=unit) is None
        assert session.scalars(select(Log)).all() == []
    assert len(session.scalars(select(Log)).all()) == 1


def test_a_joined_row_goes_with_the_rollback_and_a_row_apart_stays(context: Flask, session: Session) -> None:
    with pytest.raises(RuntimeError), unit_of_work() as unit:
        log_info(*INITIATED, {"bookingId": "joined"}, session=unit)
        log_info(*INITIATED, {"bookingId": "apart"})
        raise RuntimeError
    with unit_of_work():
        pass
    assert [row.details["bookingId"] for row in session.scalars(select(Log))] == ["apart"]


def test_rows_of_one_unit_keep_their_order_and_go_in_one_insert_a_book(context: Flask, session: Session) -> None:
    from sqlalchemy import event

    from portal.extensions import db

    statements: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    with unit_of_work() as unit:
        for n in range(20):
            log_info(*INITIATED, {"bookingId": str(n)}, session=unit)
        log_payout(
            TransactionEventType.PAYOUT_CREATED,
            payout_id="p",
            creator_id="c",
            amount=1,
            currency="EUR",
            status="REQUESTED",
            session=unit,
        )
    rows = session.scalars(select(Log).order_by(Log.created_at, Log.id)).all()
    assert [row.details["bookingId"] for row in rows] == [str(n) for n in range(20)]
    assert len({row.txid for row in rows}) == 1
    assert [s.split()[2] for s in statements if s.startswith("INSERT")] == ["log", "transaction_log"]


def test_everything_of_one_operation_has_one_request_id(context: Flask, session: Session) -> None:
    given = uuid4()
    with operation(given), unit_of_work() as unit:
        log_info(*INITIATED, {"bookingId": "a"}, session=unit)
        log_info(*INITIATED, {"bookingId": "b"})
    with operation():
        log_info(*INITIATED, {"bookingId": "c"})
    ids = {row.details["bookingId"]: row.request_id for row in session.scalars(select(Log))}
    assert ids["a"] == ids["b"] == given != ids["c"]


def test_each_row_is_one_json_line_on_stderr(context: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    log_info(*INITIATED, {"bookingId": "b", "userAgent": 'Mozilla\n{"level": "CRITICAL"}'})
    [line] = capsys.readouterr().err.splitlines()
    found = json.loads(line)
    assert (found["book"], found["level"], found["type"]) == ("log", "INFO", INITIATED[0])
    assert found["metadata"]["userAgent"] == 'Mozilla\n{"level": "CRITICAL"}'


def test_a_joined_row_is_not_on_stderr_before_it_is_committed(
    context: Flask, capsys: pytest.CaptureFixture[str]
) -> None:
    with unit_of_work() as unit:
        log_info(*INITIATED, {"bookingId": "b"}, session=unit)
        assert capsys.readouterr().err == ""
    assert capsys.readouterr().err.count("\n") == 1


def test_amounts_are_stored_in_minor_units_of_their_currency(context: Flask, session: Session) -> None:
    for amount, currency in ((1234, "JPY"), ("12.345", "KWD"), (12.34, "EUR")):
        log_payout(
            TransactionEventType.PAYOUT_CREATED,
            payout_id="p",
            creator_id="c",
            amount=amount,
            currency=currency,
            status="REQUESTED",
        )
    stored = {row.currency: row.amount_minor for row in session.scalars(select(TransactionLog))}
    assert stored == {"JPY": 1234, "KWD": 12345, "EUR": 1234}
