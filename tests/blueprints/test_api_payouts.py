"""Payouts and creators as JSON."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from portal.models import Creator, Log, Payout, PayoutStatus, Role, uuid7
from portal.stripe_sandbox.sandbox import Sandbox
from tests.browser import Browser
from tests.factories import UNKNOWN_ID, Factory

REQUEST = "/api/creators/payouts/request"
QUEUE = "/api/admin/payouts"
NO_OBJECTS = (
    b"",
    b"null",
    b"[]",
    b"12",
    b'"x"',
    b"{",
    b"\xff",
    b"[" * 60_000,
    b'{"amount":' + b"9" * 5_000 + b"}",
)
TOKEN = "one-showing-of-the-form"
NO_AMOUNTS: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        [],
        {},
        [12],
        {"a": 1},
        "",
        "0",
        0,
        -5,
        "-5",
        1e18,
        10**400,
        "9" * 400,
        "NaN",
        float("nan"),
    ),
    *(
        float("inf"),
        float("-inf"),
        "Infinity",
        "12.345",
        12.345,
        "1_000",
        "１２",
        "1e3",
        1e22,
        1e-7,
        "9.99",
        "20\x00",
    ),
    *("\ud800", "20\ud800", "12.50" + " " * 40 + "9"),
)
REASON = "Trois litiges ouverts cette semaine"


@pytest.fixture
def zoe(factory: Factory) -> Creator:
    return factory.creator(name="Zoé Lambert", balance_minor=200_000)


@pytest.fixture
def creator(app: Flask, zoe: Creator) -> Browser:
    return opened(Browser(app).sign_in(zoe.email), "/dashboard/creator")


@pytest.fixture
def admin(app: Flask, factory: Factory) -> Browser:
    return opened(Browser(app).sign_in(factory.admin(name="Alice").email), "/dashboard/admin")


def opened(browser: Browser, address: str) -> Browser:
    browser.get(address)
    return browser


def ask(creator: Browser, **changes: Any) -> TestResponse:
    body = {"amount": "20.00", "currency": "EUR", "formToken": TOKEN}
    return creator.send_json("POST", REQUEST, {**body, **changes})


def payouts(session: Session) -> list[Payout]:
    session.rollback()
    return list(session.scalars(select(Payout).execution_options(populate_existing=True)))


def logged(session: Session, type: str) -> list[Log]:
    session.rollback()
    return list(session.scalars(select(Log).where(Log.type == type).order_by(Log.id)))


def test_a_request_answers_201_with_the_payout_and_its_replay_200_with_the_same(
    creator: Browser, session: Session, zoe: Creator
) -> None:
    first, again = ask(creator), ask(creator)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json == again.json
    body = first.json
    assert body is not None
    [payout] = payouts(session)
    assert body["id"] == str(payout.id)
    assert (body["amount"], body["currency"], body["status"]) == (20, "EUR", "REQUESTED")
    assert (body["creatorId"], body["route"], body["stripePayoutId"]) == (str(zoe.id), "review", None)
    assert body["createdAt"].endswith("Z")


@pytest.mark.parametrize(
    ("amount", "minor"), [("12.34", 1_234), ("12,34", 1_234), ("1 234,50", 123_450), (12.34, 1_234), (15, 1_500)]
)
def test_amounts_come_as_strings_or_numbers(creator: Browser, session: Session, amount: Any, minor: int) -> None:
    answer = ask(creator, amount=amount)
    assert answer.status_code == 201
    assert answer.json is not None
    assert answer.json["amount"] == minor / 100
    assert [row.amount_minor for row in payouts(session)] == [minor]


def test_amounts_that_are_none_are_refused_with_their_event(creator: Browser, session: Session) -> None:
    for amount in NO_AMOUNTS:
        answer = ask(creator, amount=amount)
        assert answer.json is not None
        assert (answer.status_code, answer.json["error"]) == (422, "PAYOUT_REQUEST_VALIDATION_ERROR"), repr(
            amount
        )[:40]
        assert answer.json["message"]
        assert answer.json["requestId"]
    assert payouts(session) == []
    assert len(logged(session, "PAYOUT_REQUEST_VALIDATION_ERROR")) == len(NO_AMOUNTS)


@pytest.mark.parametrize("field", ["currency", "formToken"])
def test_other_fields_of_a_wrong_kind_are_refused(creator: Browser, session: Session, field: str) -> None:
    for value in (None, 12, [], {}, "", "\x00" * 12, "\ud800" * 12, "é" * 12):
        answer = ask(creator, **{field: value})
        assert answer.json is not None
        assert (answer.status_code, answer.json["error"]) == (422, "PAYOUT_REQUEST_VALIDATION_ERROR"), value
    assert payouts(session) == []


@pytest.mark.parametrize("path", [REQUEST, f"{QUEUE}/{UNKNOWN_ID}/reject", f"{QUEUE}/block", f"{QUEUE}/unblock"])
def test_a_body_that_is_no_object_is_named(creator: Browser, admin: Browser, path: str) -> None:
    browser = creator if path == REQUEST else admin
    headers = {"X-CSRFToken": browser.csrf_token(), "Content-Type": "application/json"}
    for body in NO_OBJECTS:
        answer = browser.client.post(path, data=body, headers=headers)
        assert answer.json is not None
        assert (answer.status_code, answer.json["error"]) == (400, "BAD_PARAMETER"), body[:20]
        assert answer.json["details"]["parameter"] == "body"


def test_too_large_a_body_is_413(creator: Browser) -> None:
    assert ask(creator, amount="9" * 70_000).status_code == 413


@pytest.mark.parametrize(
    ("change", "amount", "currency", "status", "event"),
    [
        ({}, "2000.01", "EUR", 409, "PAYOUT_REQUEST_INSUFFICIENT_BALANCE"),
        ({}, "20", "USD", 409, "PAYOUT_REQUEST_CURRENCY_NOT_FOUND"),
        ({"currently_due": ["individual.dob.day"]}, "20", "EUR", 409, "PAYOUT_REQUEST_KYC_INCOMPLETE"),
        ({"payouts_enabled": False}, "20", "EUR", 409, "PAYOUT_REQUEST_BANK_NOT_VERIFIED"),
        ({"bank_status": "errored"}, "20", "EUR", 409, "PAYOUT_REQUEST_BANK_NOT_VERIFIED"),
    ],
)
def test_refusals_carry_their_event_as_code(
    creator: Browser,
    session: Session,
    sandbox: Sandbox,
    zoe: Creator,
    change: dict[str, Any],
    amount: str,
    currency: str,
    status: int,
    event: str,
) -> None:
    if change:
        sandbox.change_account(str(zoe.stripe_account_id), **change)
    answer = ask(creator, amount=amount, currency=currency)
    assert answer.json is not None
    assert (answer.status_code, answer.json["error"]) == (status, event)
    assert len(logged(session, event)) == 1
    assert payouts(session) == []


def test_no_account_and_a_block_carry_their_events(app: Flask, factory: Factory) -> None:
    none = opened(Browser(app).sign_in(factory.creator(account=False).email), "/dashboard/creator")
    stopped = factory.creator(is_payout_blocked=True, payout_block_reason="Litiges en cours")
    blocked = opened(Browser(app).sign_in(stopped.email), "/dashboard/creator")
    first, second = ask(none).json, ask(blocked).json
    assert first is not None
    assert second is not None
    assert (first["error"], second["error"]) == ("PAYOUT_REQUEST_NO_STRIPE_ACCOUNT", "PAYOUT_REQUEST_BLOCKED")
    assert second["details"]["blockReason"] == "Litiges en cours"


def test_a_silent_stripe_is_a_502(creator: Browser, session: Session, sandbox: Sandbox) -> None:
    sandbox.faults.add("unavailable", times=None)
    answer = ask(creator)
    assert answer.json is not None
    assert (answer.status_code, answer.json["error"]) == (502, "PAYOUT_REQUEST_STRIPE_ERROR")
    assert payouts(session) == []


def test_one_token_in_parallel_makes_one_payout(app: Flask, session: Session, zoe: Creator) -> None:
    browsers = [opened(Browser(app).sign_in(zoe.email), "/dashboard/creator") for _ in range(4)]
    barrier = Barrier(len(browsers))

    def click(browser: Browser) -> tuple[int, str]:
        barrier.wait()
        answer = ask(browser)
        assert answer.json is not None
        return answer.status_code, answer.json["id"]

    with ThreadPoolExecutor(len(browsers)) as pool:
        answers = list(pool.map(click, browsers))
    [payout] = payouts(session)
    assert sorted(status for status, _ in answers) == [200, 200, 200, 201]
    assert {id for _, id in answers} == {str(payout.id)}


def test_strangers_are_told_and_recorded(app: Flask, factory: Factory, admin: Browser, session: Session) -> None:
    guest = app.test_client()
    page = guest.get("/login").text
    import re

    token = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', page)
    assert token is not None
    answer = guest.post(REQUEST, json={}, headers={"X-CSRFToken": token[1]})
    assert answer.status_code == 401
    user = opened(Browser(app).sign_in(factory.user().email), "/dashboard/user")
    assert ask(user).status_code == 403
    assert ask(admin).status_code == 403
    unauthorized = logged(session, "PAYOUT_REQUEST_UNAUTHORIZED")
    assert [row.actor for row in unauthorized] == ["GUEST", "USER", "ADMIN"]
    assert [row.actor for row in logged(session, "USER_ACCESS_DENIED")] == ["USER", "ADMIN"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", QUEUE),
        ("GET", "/api/admin/creators"),
        ("POST", f"{QUEUE}/{UNKNOWN_ID}/approve"),
        ("POST", f"{QUEUE}/{UNKNOWN_ID}/reject"),
        ("POST", f"{QUEUE}/block"),
        ("POST", f"{QUEUE}/unblock"),
    ],
)
def test_admins_calls_are_for_admins(app: Flask, creator: Browser, method: str, path: str) -> None:
    answer = creator.send_json(method, path, {} if method == "POST" else None)
    assert answer.status_code == 403
    assert answer.json is not None
    assert answer.json["error"] == "FORBIDDEN"
    assert app.test_client().open(path, method=method).status_code in {400, 401}


@pytest.mark.parametrize("path", [REQUEST, f"{QUEUE}/block", f"{QUEUE}/{UNKNOWN_ID}/approve"])
def test_without_a_csrf_token_nothing_happens(
    creator: Browser, admin: Browser, session: Session, path: str
) -> None:
    browser = creator if path == REQUEST else admin
    answer = browser.client.post(path, json={"amount": "20", "currency": "EUR", "formToken": TOKEN})
    assert answer.json is not None
    assert (answer.status_code, answer.json["error"]) == (400, "CSRF")
    assert payouts(session) == []


def test_the_queue_lists_with_the_pages_parameters(admin: Browser, factory: Factory, zoe: Creator) -> None:
    for n in range(26):
        factory.payout(zoe, status=PayoutStatus.PAID, amount_minor=10_050 + n)
    yen = factory.payout(factory.creator(currency="JPY"), amount_minor=5_000)
    first = admin.client.get(f"{QUEUE}?limit=25").json
    rest = admin.client.get(f"{QUEUE}?limit=25&cursor={first['nextCursor']}").json
    assert (len(first["items"]), len(rest["items"]), rest["nextCursor"]) == (25, 2, None)
    assert len({item["id"] for item in first["items"] + rest["items"]}) == 27
    [only] = admin.client.get(f"{QUEUE}?status=REQUESTED").json["items"]
    assert (only["id"], only["amount"], only["currency"]) == (str(yen.id), 5_000, "JPY")
    assert {item["amount"] for item in first["items"]} >= {100.5 + 25 / 100}


@pytest.mark.parametrize("query", ["status=x", "limit=0", "cursor=x", "from=x", "creatorId=x", "q=%00", "nope=1"])
def test_a_bad_parameter_is_named(admin: Browser, query: str) -> None:
    answer = admin.client.get(f"{QUEUE}?{query}")
    assert (answer.status_code, answer.json["error"]) == (400, "BAD_PARAMETER")
    assert answer.json["details"]["parameter"] == query.partition("=")[0]


def test_creators_are_listed(admin: Browser, factory: Factory, zoe: Creator) -> None:
    factory.creator(account=False)
    [item] = admin.client.get("/api/admin/creators?q=lambert").json["items"]
    assert (item["id"], item["name"], item["handle"]) == (str(zoe.id), "Zoé Lambert", zoe.handle)
    assert (item["isPayoutBlocked"], item["payoutMinimum"], item["currency"]) == (False, 10, "EUR")
    assert len(admin.client.get("/api/admin/creators").json["items"]) == 2
    assert len(admin.client.get("/api/admin/creators?state=no_account").json["items"]) == 1


def test_approving_sends_and_answers_with_the_payout(
    admin: Browser, factory: Factory, sandbox: Sandbox, zoe: Creator
) -> None:
    payout = factory.payout(zoe)
    answer = admin.send_json("POST", f"{QUEUE}/{payout.id}/approve")
    assert answer.json is not None
    assert (answer.status_code, answer.json["status"]) == (200, "PROCESSING")
    [created] = sandbox.ledger()["payouts"]
    assert answer.json["stripePayoutId"] == created["id"]


def test_two_admins_at_once_pay_once(
    app: Flask, admin: Browser, factory: Factory, sandbox: Sandbox, zoe: Creator
) -> None:
    payout = factory.payout(zoe)
    bob = opened(Browser(app).sign_in(factory.admin(name="Bob").email), "/dashboard/admin")
    barrier = Barrier(2)

    def approve(browser: Browser) -> TestResponse:
        barrier.wait()
        return browser.send_json("POST", f"{QUEUE}/{payout.id}/approve")

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(approve, [admin, bob]))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    loser = next(answer for answer in answers if answer.status_code == 409).json
    assert loser is not None
    assert loser["error"] == "PAYOUT_APPROVAL_INVALID_STATUS"
    assert ("Alice" if answers[0].status_code == 200 else "Bob") in loser["message"]
    assert len(sandbox.ledger()["payouts"]) == 1


def test_approve_against_reject_settles_on_one(
    app: Flask, admin: Browser, factory: Factory, sandbox: Sandbox, session: Session, zoe: Creator
) -> None:
    payout = factory.payout(zoe)
    bob = opened(Browser(app).sign_in(factory.admin(name="Bob").email), "/dashboard/admin")
    barrier = Barrier(2)

    def decide(browser: Browser, verb: str) -> int:
        barrier.wait()
        return browser.send_json("POST", f"{QUEUE}/{payout.id}/{verb}", {"reason": REASON}).status_code

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(decide, [admin, bob], ["approve", "reject"]))
    assert sorted(answers) == [200, 409]
    [row] = payouts(session)
    approved = answers[0] == 200
    assert row.status is (PayoutStatus.PROCESSING if approved else PayoutStatus.REJECTED)
    assert len(sandbox.ledger()["payouts"]) == int(approved)


def test_nobody_approves_their_own_payout(
    app: Flask, factory: Factory, session: Session, sandbox: Sandbox, zoe: Creator
) -> None:
    payout = factory.payout(zoe)
    zoe.user.role = Role.ADMIN
    session.commit()
    browser = opened(Browser(app).sign_in(zoe.email), "/dashboard/admin")
    answer = browser.send_json("POST", f"{QUEUE}/{payout.id}/approve")
    assert answer.json is not None
    assert (answer.status_code, answer.json["error"]) == (403, "USER_ACCESS_DENIED")
    assert sandbox.ledger()["payouts"] == []


def test_rejecting_keeps_the_reason(admin: Browser, factory: Factory, session: Session, zoe: Creator) -> None:
    payout = factory.payout(zoe)
    answer = admin.send_json("POST", f"{QUEUE}/{payout.id}/reject", {"reason": f" {REASON}\x00 "})
    assert answer.json is not None
    assert (answer.json["status"], answer.json["rejectionReason"]) == ("REJECTED", REASON)


@pytest.mark.parametrize("reason", [None, "", "  ", 12, [], "x" * 501, "\x00"])
def test_rejecting_without_a_reason_is_refused(
    admin: Browser, factory: Factory, session: Session, zoe: Creator, reason: Any
) -> None:
    payout = factory.payout(zoe)
    answer = admin.send_json("POST", f"{QUEUE}/{payout.id}/reject", {"reason": reason})
    assert answer.json is not None
    assert (answer.status_code, answer.json["error"]) == (422, "PAYOUT_REJECTION_NO_REASON")
    assert [row.status for row in payouts(session)] == [PayoutStatus.REQUESTED]


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_an_unknown_payout_is_not_found(admin: Browser, verb: str) -> None:
    answer = admin.send_json("POST", f"{QUEUE}/{uuid7()}/{verb}", {"reason": REASON})
    assert answer.json is not None
    assert answer.status_code == 404
    assert answer.json["error"].endswith("_NOT_FOUND")
    assert admin.send_json("POST", f"{QUEUE}/abc/{verb}", {"reason": REASON}).status_code == 404


def test_a_stale_or_odd_version_is_refused(
    admin: Browser, factory: Factory, session: Session, zoe: Creator
) -> None:
    payout = factory.payout(zoe)
    statuses = [
        admin.send_json("POST", f"{QUEUE}/{payout.id}/approve", {"version": version}).status_code
        for version in (2, "1", True, [])
    ]
    assert statuses == [409, 400, 400, 400]
    assert [row.status for row in payouts(session)] == [PayoutStatus.REQUESTED]


def test_blocking_and_unblocking(admin: Browser, session: Session, zoe: Creator) -> None:
    body = {"creatorId": str(zoe.id), "reason": REASON}
    first = admin.send_json("POST", f"{QUEUE}/block", body)
    again = admin.send_json("POST", f"{QUEUE}/block", body)
    assert first.json is not None
    assert again.json is not None
    assert (first.json["isPayoutBlocked"], first.json["payoutBlockReason"]) == (True, REASON)
    assert (again.status_code, again.json["error"]) == (409, "PAYOUT_BLOCK_ALREADY_BLOCKED")
    undone = admin.send_json("POST", f"{QUEUE}/unblock", body)
    twice = admin.send_json("POST", f"{QUEUE}/unblock", body)
    assert undone.json is not None
    assert twice.json is not None
    assert undone.json["isPayoutBlocked"] is False
    assert (twice.status_code, twice.json["error"]) == (409, "PAYOUT_UNBLOCK_NOT_BLOCKED")


@pytest.mark.parametrize("verb", ["block", "unblock"])
@pytest.mark.parametrize(
    ("creator_id", "reason", "status", "code"),
    [
        (None, REASON, 422, "VALIDATION_ERROR"),
        ("abc", REASON, 422, "VALIDATION_ERROR"),
        (12, REASON, 422, "VALIDATION_ERROR"),
        ("own", "court", 422, "VALIDATION_ERROR"),
        ("own", None, 422, "VALIDATION_ERROR"),
        (UNKNOWN_ID, REASON, 404, "CREATOR_NOT_FOUND"),
    ],
)
def test_bad_blocks_are_refused_with_their_event(
    admin: Browser, zoe: Creator, verb: str, creator_id: Any, reason: Any, status: int, code: str
) -> None:
    body = {"creatorId": str(zoe.id) if creator_id == "own" else creator_id, "reason": reason}
    answer = admin.send_json("POST", f"{QUEUE}/{verb}", body)
    assert answer.json is not None
    assert (answer.status_code, answer.json["error"]) == (status, f"PAYOUT_{verb.upper()}_{code}")
