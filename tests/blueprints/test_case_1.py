"""The specification's case 1: a payout's whole life, walked through HTTP and read back from the trace."""

from decimal import Decimal
from typing import Any

import pytest
from flask import Flask

from portal.models import Creator, Payout, User
from portal.stripe_sandbox.sandbox import Sandbox
from tests.browser import Browser
from tests.factories import Factory

REQUEST = ["PAYOUT_REQUEST_INITIATED", "PAYOUT_REQUEST_STRIPE_VERIFICATION", "PAYOUT_REQUEST_BALANCE_CHECK"]
REQUESTED_FOR_REVIEW = [*REQUEST, "PAYOUT_REQUESTED", "PAYOUT_CREATED"]
APPROVED = [
    "PAYOUT_APPROVAL_INITIATED",
    "PAYOUT_APPROVAL_VALIDATED",
    "PAYOUT_APPROVED",
    "PAYOUT_APPROVAL_STRIPE_CREATION",
    "PAYOUT_PROCESSING",
    "PAYOUT_APPROVAL_SUCCESS",
]
SENT_AT_ONCE = [
    *REQUEST,
    "PAYOUT_CREATED",
    "PAYOUT_REQUEST_STRIPE_CREATION",
    "PAYOUT_REQUEST_STRIPE_CREATION_SUCCESS",
    "PAYOUT_REQUESTED",
    "PAYOUT_PROCESSING",
]
RECEIVED = ["WEBHOOK_SIGNATURE_VERIFIED", "WEBHOOK_RECEIVED"]
PROCESSED = ["WEBHOOK_PROCESSING_STARTED", "WEBHOOK_PROCESSING_SUCCESS", "WEBHOOK_RECEIVED"]
PAID = [
    "WEBHOOK_PROCESSING_STARTED",
    "PAYOUT_PAID",
    "WEBHOOK_PROCESSING_SUCCESS",
    "PAYOUT_PAID",
    "WEBHOOK_RECEIVED",
]


@pytest.fixture
def creator(factory: Factory) -> Creator:
    return factory.creator(name="Zoé Durand", balance_minor=50_000)


@pytest.fixture
def admin(factory: Factory) -> User:
    return factory.admin(name="Ada Martin")


def ask(app: Flask, creator: Creator, amount: str = "123,45") -> None:
    """The creator's form."""
    browser = Browser(app).sign_in(creator.email)
    browser.get("/dashboard/creator/payouts/new")
    browser.submit("/dashboard/creator/payouts/new", amount=amount, currency="EUR")
    assert browser.status == 200, browser.words


def approve(browser: Browser, payout: Payout) -> None:
    """The admin's queue, detail and confirm page."""
    browser.get("/dashboard/admin/payouts?status=REQUESTED")
    assert f"/dashboard/admin/payouts/{payout.id}" in browser.text
    browser.get(f"/dashboard/admin/payouts/{payout.id}/approve")
    assert "123,45" in browser.words
    browser.submit("/approve")
    assert browser.status == 200, browser.words


def trace(browser: Browser, payout: Payout) -> list[str]:
    """Types of both books in the order of the trace."""
    answer = browser.get(f"/api/admin/traces/payout/{payout.id}")
    assert answer.json is not None
    return [item["type"] for item in answer.json["items"] if item["book"] != "stripe"]


def settle(sandbox: Sandbox, payout: Payout, deliver: Any, process: Any) -> None:
    """Stripe pays, step by step; each signed event is delivered and processed."""
    deliver()
    process()
    for outcome in ("in_transit", "paid"):
        sandbox.settle(payout.stripe_payout_id or "", outcome)
        deliver()
        process()


def test_case_1_the_life_of_a_payout_on_the_review_route(
    app: Flask, creator: Creator, admin: User, factory: Factory, deliver: Any, process: Any
) -> None:
    ask(app, creator)
    [payout] = factory.session.query(Payout).all()
    browser = Browser(app).sign_in(admin.email)
    assert trace(browser, payout) == REQUESTED_FOR_REVIEW
    browser.get("/dashboard/admin")
    approve(browser, payout)
    factory.session.refresh(payout)
    assert payout.status == "PROCESSING"
    settle(factory.sandbox, payout, deliver, process)
    factory.session.refresh(payout)
    assert payout.status == "PAID"
    assert trace(browser, payout) == [
        *REQUESTED_FOR_REVIEW,
        *APPROVED,
        *RECEIVED,
        *PROCESSED,
        *RECEIVED,
        *PROCESSED,
        *RECEIVED,
        *PAID,
    ]
    page = browser.get(f"/dashboard/admin/traces/payout/{payout.id}")
    assert page.status_code == 200
    for word in ("Zoé Durand", "Ada Martin"):
        assert word in browser.words
    assert payout.stripe_payout_id is not None
    assert payout.stripe_payout_id in browser.get(f"/api/admin/traces/payout/{payout.id}").text


def test_case_1_the_life_of_a_payout_on_the_auto_route(
    app: Flask, creator: Creator, admin: User, factory: Factory, deliver: Any, process: Any, change_settings: Any
) -> None:
    change_settings(payout_auto_approve_limit=Decimal(200))
    ask(app, creator)
    [payout] = factory.session.query(Payout).all()
    assert payout.status == "PROCESSING"
    settle(factory.sandbox, payout, deliver, process)
    browser = Browser(app).sign_in(admin.email)
    types = trace(browser, payout)
    assert types == [*SENT_AT_ONCE, *RECEIVED, *PROCESSED, *RECEIVED, *PROCESSED, *RECEIVED, *PAID]


def test_case_2_an_insufficient_balance_is_told_to_the_creator_and_to_the_log(
    app: Flask, factory: Factory, admin: User
) -> None:
    creator = factory.creator(balance_minor=5_000)
    browser = Browser(app).sign_in(creator.email)
    browser.get("/dashboard/creator/payouts/new")
    browser.submit("/dashboard/creator/payouts/new", amount="80", currency="EUR")
    assert browser.status == 422
    assert "Solde insuffisant" in browser.words
    seen = Browser(app).sign_in(admin.email)
    items = seen.get(f"/api/admin/system-logs?entity={creator.id}&type=PAYOUT_&sort=createdAt").json["items"]
    assert [item["type"] for item in items] == [*REQUEST, "PAYOUT_REQUEST_INSUFFICIENT_BALANCE"]
    assert items[-1]["level"] == "ERROR"
    assert items[-1]["metadata"]["requestedAmount"] == 80
    assert items[-1]["metadata"]["availableAmount"] == 50


def test_a_failure_at_stripe_is_told_with_its_code_to_the_admin_and_to_the_log(
    app: Flask, factory: Factory, creator: Creator, admin: User
) -> None:
    ask(app, creator)
    [payout] = factory.session.query(Payout).all()
    browser = Browser(app).sign_in(admin.email)
    browser.get(f"/dashboard/admin/payouts/{payout.id}/approve")
    factory.sandbox.fund(creator.stripe_account_id or "", -45_000, "eur")
    browser.submit("/approve")
    assert "balance_insufficient" in browser.words
    answer = browser.get(f"/api/admin/traces/payout/{payout.id}").json
    failed = next(i for i in answer["items"] if i["type"] == "PAYOUT_APPROVAL_STRIPE_CREATION_ERROR")
    assert failed["level"] == "ERROR"
    assert failed["metadata"]["stripeErrorCode"] == "balance_insufficient"
    assert failed["metadata"]["stripeErrorMessage"]
    money = [item["type"] for item in answer["items"] if item["book"] == "transaction_log"]
    assert money == ["PAYOUT_CREATED", "PAYOUT_FAILED"]
