"""The two books in the database: append-only for the application, verbatim for the specification's SQL."""

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from portal.audit.system_log import log_info
from portal.extensions import db
from portal.models import LogActor


def write_one() -> int:
    row_id = log_info(
        "PAYMENT_INTENT_CREATION_INITIATED", LogActor.USER, None, "user-1", {"bookingId": "b-1", "note": "Déjà VU"}
    )
    assert row_id is not None
    return row_id


@pytest.mark.parametrize(
    "statement",
    [
        "update log set message = 'x'",
        "delete from log",
        "truncate log",
        "insert into log (level, type, actor, message, request_id, created_at)"
        " values ('INFO', 'X', 'SYSTEM', 'x', gen_random_uuid(), now())",
        "update transaction_log set status = 'x'",
        "delete from transaction_log",
        "truncate transaction_log",
        "drop table log",
        "alter table log disable trigger all",
    ],
)
def test_the_application_cannot_change_the_books(context: Flask, statement: str) -> None:
    write_one()
    with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
        db.session.execute(text(statement))
    db.session.rollback()
    assert db.session.scalar(text("select count(*) from log")) == 1


@pytest.mark.parametrize("statement", ["update log set message = 'x'", "delete from log", "truncate log"])
def test_even_the_owner_is_refused_by_the_trigger(context: Flask, session: Session, statement: str) -> None:
    write_one()
    with pytest.raises(ProgrammingError, match="append-only"):
        session.execute(text(statement))


def test_a_partition_is_no_way_around(context: Flask) -> None:
    write_one()
    part = db.session.scalar(text("select tableoid::regclass::text from log"))
    with pytest.raises(ProgrammingError, match="permission denied"):
        db.session.execute(text(f"delete from {part}"))


def test_search_holds_message_type_actor_and_metadata_values_in_lower_case(context: Flask) -> None:
    write_one()
    search = db.session.scalar(text("select search from log"))
    assert search.splitlines() == [
        "payment_intent_creation_initiated",
        "création de payment intent initiée",
        "user-1",
        "déjà vu",
        "b-1",
    ]


SPECIFICATION_QUERIES = (
    """
-- Tous les logs d'un payout spécifique
SELECT * FROM "Log"
WHERE type LIKE 'PAYOUT_%'
    AND metadata::text LIKE '%payoutId%'
ORDER BY "createdAt" DESC;
""",
    """
-- Logs d'erreur des dernières 24h
SELECT * FROM "Log"
WHERE level IN ('ERROR', 'CRITICAL')
    AND "createdAt" >= NOW() - INTERVAL '24 hours'
ORDER BY "createdAt" DESC;
""",
    """
-- Résumé des logs par type
SELECT type, level, COUNT(*) as count
FROM "Log"
WHERE "createdAt" >= NOW() - INTERVAL '7 days'
GROUP BY type, level
ORDER BY count DESC;
""",
)


def test_the_specifications_three_queries_run_verbatim(context: Flask) -> None:
    from portal.audit.system_log import log_admin_action, log_error

    log_admin_action(
        "PAYOUT_APPROVAL_INITIATED", "a", metadata={"payoutId": "p", "adminId": "a", "adminEmail": "e"}
    )
    log_error("PAYOUT_APPROVAL_NOT_FOUND", LogActor.ADMIN, None, "a", {"payoutId": "p", "adminId": "a"})
    write_one()
    of_a_payout, errors, summary = (
        db.session.connection().exec_driver_sql(query.replace("%", "%%")).mappings().all()
        for query in SPECIFICATION_QUERIES
    )
    assert [row["type"] for row in of_a_payout] == ["PAYOUT_APPROVAL_NOT_FOUND", "PAYOUT_APPROVAL_INITIATED"]
    assert [row["type"] for row in errors] == ["PAYOUT_APPROVAL_NOT_FOUND"]
    assert {(row["type"], row["count"]) for row in summary} == {
        ("PAYOUT_APPROVAL_NOT_FOUND", 1),
        ("PAYOUT_APPROVAL_INITIATED", 1),
        ("PAYMENT_INTENT_CREATION_INITIATED", 1),
    }
    assert set(of_a_payout[0]) == {"id", "level", "type", "actor", "actorId", "message", "metadata", "createdAt"}
