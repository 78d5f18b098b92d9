"""Cases 23 and 24 of the payout specification: what people send, and accounts that cannot be paid."""

from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from portal.domain.errors import PayoutRefused
from portal.models import Creator, Payout, User
from portal.models import PayoutStatus as S
from portal.stripe_sandbox.sandbox import Sandbox
from tests.browser import Browser
from tests.factories import Factory
from tests.faults.acts import Verbs
from tests.faults.oracle import Books, assert_books_agree

FORM = "/dashboard/creator/payouts/new"


def assert_nothing_happened(acts: Verbs, sandbox: Sandbox) -> None:
    assert Books(acts.session).payouts == []
    assert sandbox.ledger()["payouts"] == []


@pytest.mark.parametrize(
    "amount", ["0", "-1", "-0", "1e18", "12.345", "NaN", "Infinity", "١٢", "12,34,56", "", "9" * 40]
)
def test_case_23_an_amount_that_cannot_be_makes_no_payout(
    acts: Verbs, app: Flask, creator: Creator, sandbox: Sandbox, amount: str
) -> None:
    browser = Browser(app).sign_in(creator.email)
    browser.get(FORM)
    browser.submit(FORM, amount=amount, currency="EUR")
    assert browser.status == 422
    assert_nothing_happened(acts, sandbox)


def test_case_23_a_comma_is_a_decimal_sign(acts: Verbs, app: Flask, creator: Creator, sandbox: Sandbox) -> None:
    browser = Browser(app).sign_in(creator.email)
    browser.get(FORM)
    browser.submit(FORM, amount="12,34", currency="EUR")
    [payout] = Books(acts.session).payouts
    assert payout.amount_minor == 1_234
    assert_books_agree(acts.session, sandbox, payout, S.REQUESTED, reserved=1_234)


def test_case_23_another_creators_payout_does_not_exist(
    acts: Verbs, app: Flask, factory: Factory, requested: Payout, sandbox: Sandbox
) -> None:
    browser = Browser(app).sign_in(factory.creator().email)
    for path in (f"/dashboard/creator/payouts/{requested.id}", f"/dashboard/creator/payouts/{uuid4()}"):
        assert browser.get(path).status_code == 404
    assert_books_agree(acts.session, sandbox, requested, S.REQUESTED, reserved=12_345)


@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_case_23_a_creator_on_an_admins_route_decides_nothing(
    acts: Verbs, app: Flask, creator: Creator, requested: Payout, sandbox: Sandbox, decision: str
) -> None:
    browser = Browser(app).sign_in(creator.email)
    browser.get(FORM)
    path = f"/dashboard/admin/payouts/{requested.id}/{decision}"
    token = browser.form(FORM).fields["csrf_token"]
    data = {"csrf_token": token, "reason": "Je décide moi-même", "version": "1"}
    assert browser.client.post(path, data=data).status_code in {302, 403, 404}
    assert_books_agree(acts.session, sandbox, requested, S.REQUESTED, reserved=12_345)
    assert "PAYOUT_APPROVAL_INITIATED" not in acts.types()


def test_case_23_opening_the_approval_changes_nothing(
    acts: Verbs, app: Flask, admin: User, requested: Payout, sandbox: Sandbox
) -> None:
    browser = Browser(app).sign_in(admin.email)
    assert browser.get(f"/dashboard/admin/payouts/{requested.id}/approve").status_code == 200
    assert_books_agree(acts.session, sandbox, requested, S.REQUESTED, reserved=12_345)


@pytest.mark.parametrize("token", [None, "forged"])
def test_case_23_a_form_without_its_token_decides_and_asks_nothing(
    acts: Verbs, app: Flask, admin: User, creator: Creator, requested: Payout, sandbox: Sandbox, token: str | None
) -> None:
    sent = {} if token is None else {"csrf_token": token}
    approve = f"/dashboard/admin/payouts/{requested.id}/approve"
    assert Browser(app).sign_in(admin.email).client.post(approve, data={**sent, "version": "1"}).status_code == 400
    wish = {**sent, "amount": "50", "currency": "EUR", "form_token": "a-token-of-mine"}
    assert Browser(app).sign_in(creator.email).client.post(FORM, data=wish).status_code == 400
    assert_books_agree(acts.session, sandbox, requested, S.REQUESTED, reserved=12_345)
    assert len(Books(acts.session).payouts) == 1


ACCOUNTS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "no account": ({"account": False}, {}, "PAYOUT_REQUEST_NO_STRIPE_ACCOUNT"),
    "disabled with nothing due": ({}, {"payouts_enabled": False}, "PAYOUT_REQUEST_BANK_NOT_VERIFIED"),
    "bank account errored": ({}, {"bank_status": "errored"}, "PAYOUT_REQUEST_BANK_NOT_VERIFIED"),
    "deauthorised": ({}, {"deauthorized": True}, "PAYOUT_REQUEST_STRIPE_ERROR"),
}


@pytest.mark.parametrize("name", ACCOUNTS)
def test_case_24_an_account_that_cannot_be_paid_is_refused_with_its_reason(
    acts: Verbs, factory: Factory, sandbox: Sandbox, name: str
) -> None:
    made, changed, event = ACCOUNTS[name]
    creator = factory.creator(**made)
    if changed:
        sandbox.change_account(creator.stripe_account_id or "", **changed)
    with pytest.raises(PayoutRefused) as refusal:
        acts.request(creator)
    assert (refusal.value.event, acts.types()[-1]) == (event, event)
    assert_nothing_happened(acts, sandbox)


@pytest.mark.parametrize("name", [name for name, (_, changed, _e) in ACCOUNTS.items() if changed])
def test_case_24_an_account_that_changed_since_the_request_fails_the_payout_and_pays_nothing(
    acts: Verbs, admin: User, requested: Payout, sandbox: Sandbox, name: str
) -> None:
    sandbox.change_account(requested.stripe_account_id, **ACCOUNTS[name][1])
    acts.approve(admin, requested.id)
    rows = ["PAYOUT_APPROVED", "PAYOUT_APPROVAL_STRIPE_CREATION_ERROR", "PAYOUT_FAILED"]
    payout = assert_books_agree(acts.session, sandbox, requested, S.FAILED, rows=rows)
    assert payout.failure_message
    assert sandbox.ledger()["payouts"] == []
