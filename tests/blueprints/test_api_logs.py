"""The JSON of both books and of traces: field names, types, pages, errors, rights."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.factories import UNKNOWN_ID, Factory
from tests.queries.books import NOON, Event, Money, minutes, write, write_money

LOGS, MONEY, TRACES = "/api/admin/system-logs", "/api/admin/logs", "/api/admin/traces"


@pytest.fixture
def admin(browser: Browser, factory: Factory) -> Browser:
    """A signed-in admin."""
    return browser.sign_in(factory.admin().email)


def read(browser: Browser, path: str) -> Any:
    answer = browser.client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json


def test_a_log_has_the_specifications_fields(admin: Browser, session: Session) -> None:
    request = uuid4()
    at = NOON.replace(microsecond=123456)
    details = {"payoutId": "p-1", "amount": 100.5, "nested": {"é": [None, True]}}
    [row] = write(session, [Event("PAYOUT_PAID", "INFO", "CREATOR", "c-1", "Payé", details, request, at)])
    answer = read(admin, f"{LOGS}?type=PAYOUT_PAID")
    assert answer == {
        "items": [
            {
                "id": row,
                "level": "INFO",
                "type": "PAYOUT_PAID",
                "actor": "CREATOR",
                "actorId": "c-1",
                "message": "Payé",
                "metadata": details,
                "requestId": str(request),
                "createdAt": "2026-11-01T12:00:00.123Z",
            }
        ],
        "nextCursor": None,
    }


def test_a_transaction_has_the_specifications_fields(admin: Browser, session: Session) -> None:
    money = Money(
        "PAYMENT_SUCCEEDED",
        "PAYMENT",
        "pay-1",
        10050,
        "EUR",
        "SUCCEEDED",
        "evt_1",
        payment_id="pay-1",
        details={"a": 1},
    )
    [row] = write_money(session, [money])
    [item] = read(admin, f"{MONEY}?paymentId=pay-1")["items"]
    assert item == {
        "id": row,
        "eventType": "PAYMENT_SUCCEEDED",
        "entityType": "PAYMENT",
        "entityId": "pay-1",
        "stripeEventId": "evt_1",
        "amount": 100.5,
        "currency": "EUR",
        "status": "SUCCEEDED",
        "metadata": {"a": 1},
        "errorMessage": None,
        "paymentId": "pay-1",
        "payoutId": None,
        "refundId": None,
        "requestId": str(money.request_id),
        "createdAt": "2026-11-01T12:00:00.000Z",
    }


@pytest.mark.parametrize(
    ("minor", "currency", "amount"),
    [
        (1, "EUR", 0.01),
        (99_999_999_999_99, "EUR", 99_999_999_999.99),
        (500, "JPY", 500),
        (1234, "TND", 1.234),
        (None, None, None),
    ],
)
def test_amounts_are_exact_numbers(
    admin: Browser, session: Session, minor: int | None, currency: str | None, amount: float | None
) -> None:
    write_money(session, [Money(amount_minor=minor, currency=currency)])
    [item] = read(admin, MONEY)["items"]
    assert item["amount"] == amount


def test_the_cursor_leads_through_every_row_once(admin: Browser, session: Session) -> None:
    ids = write(session, [Event("PAYOUT_PAID", at=NOON + minutes(n // 4)) for n in range(60)])
    seen: list[int] = []
    cursor = ""
    while cursor is not None:
        answer = read(admin, f"{LOGS}?type=PAYOUT_*&limit=25&cursor={cursor}")
        seen += [item["id"] for item in answer["items"]]
        cursor = answer["nextCursor"]
    assert seen == ids[::-1]


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        (f"{LOGS}?level=DEBUG", "level"),
        (f"{LOGS}?open=1", "open"),
        (f"{LOGS}?cursor=%00", "cursor"),
        (f"{LOGS}?limit=1e9", "limit"),
        (f"{MONEY}?amountMin=NaN", "amountMin"),
        (f"{TRACES}/payout/x?limit=25", "limit"),
    ],
)
def test_a_bad_parameter_is_a_json_400(admin: Browser, path: str, parameter: str) -> None:
    answer = admin.client.get(path)
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["error"] == "BAD_PARAMETER"
    assert answer.json["details"]["parameter"] == parameter
    assert answer.json["details"]["expected"]
    assert answer.json["requestId"]


def test_a_trace_lists_both_books_oldest_first(admin: Browser, session: Session) -> None:
    request = uuid4()
    names = {"payoutId": "p-1"}
    write(session, [Event("PAYOUT_PAID", details=names, request_id=request, at=NOON + timedelta(seconds=2))])
    write(session, [Event("PAYOUT_REQUESTED", details=names, at=NOON)])
    write_money(
        session,
        [
            Money(
                "PAYOUT_PAID",
                entity_id="p-1",
                payout_id="p-1",
                amount_minor=10050,
                currency="EUR",
                at=NOON + timedelta(seconds=2),
            )
        ],
    )
    answer = read(admin, f"{TRACES}/payout/p-1")
    assert (answer["kind"], answer["id"], answer["steps"]) == ("payout", "p-1", [])
    rows = [(item["book"], item["type"], item["createdAt"]) for item in answer["items"]]
    assert rows == [
        ("log", "PAYOUT_REQUESTED", "2026-11-01T12:00:00.000Z"),
        ("log", "PAYOUT_PAID", "2026-11-01T12:00:02.000Z"),
        ("transaction_log", "PAYOUT_PAID", "2026-11-01T12:00:02.000Z"),
    ]
    assert answer["items"][2]["amount"] == 100.5


@pytest.mark.parametrize(
    "path", [f"{TRACES}/payout/{UNKNOWN_ID}", f"{TRACES}/horse/1", f"{TRACES}/request/x", f"{TRACES}/user/%00"]
)
def test_an_unknown_trace_is_a_json_404(admin: Browser, path: str) -> None:
    answer = admin.client.get(path)
    assert answer.status_code == 404
    assert answer.json is not None
    assert answer.json["error"] == "NOT_FOUND"


@pytest.mark.parametrize("path", [LOGS, MONEY, f"{TRACES}/payout/x", f"{LOGS}?level=x"])
def test_others_are_told_401_and_403(browser: Browser, factory: Factory, path: str) -> None:
    assert browser.client.get(path).status_code == 401
    browser.sign_in(factory.creator(account=False).user.email)
    answer = browser.client.get(path)
    assert answer.status_code == 403
    assert answer.json is not None
