"""Case 25 of the payout specification: money asked back while a payout waits, and while it is on its way."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from portal.domain.errors import PayoutRefused
from portal.models import Creator, Payment, Payout, RefundStatus, User
from portal.models import PayoutStatus as S
from portal.stripe_sandbox.sandbox import Sandbox
from tests.browser import Browser
from tests.factories import Factory
from tests.faults.acts import Verbs
from tests.faults.oracle import assert_books_agree
from tests.sales import Sales


@pytest.fixture
def creator(factory: Factory) -> Creator:
    """Somebody with nothing at Stripe but what was sold."""
    return factory.creator(name="Zoé Durand", balance_minor=0)


@pytest.fixture
def sales(app: Flask, session: Session) -> Sales:
    """Calls to sell, and money to give back."""
    return Sales(app, session)


@pytest.fixture
def paid(sales: Sales, factory: Factory, creator: Creator) -> Payment:
    """A call paid 145.24 EUR: 123.46 are the creator's."""
    return sales.sell(creator, factory.user(), 14_524)


@pytest.fixture
def requested(acts: Verbs, creator: Creator, paid: Payment) -> Payout:
    """A payout of 123.45 EUR: a cent less than there is."""
    return acts.request(creator).payout


def hear(deliver: Any, process: Any) -> None:
    deliver(copies=2, order="random", seed=25)
    process()


def test_case_25_a_refund_while_requested_leaves_a_payout_that_stripe_refuses(
    acts: Verbs, sales: Sales, admin: User, creator: Creator, paid: Payment, requested: Payout, sandbox: Sandbox,
    deliver: Any, process: Any,
) -> None:  # fmt: skip
    assert sales.give_back(paid, admin, "50").status is RefundStatus.SUCCEEDED
    hear(deliver, process)
    assert_books_agree(acts.session, sandbox, requested, S.REQUESTED, reserved=12_345)
    page = Browser(acts.app).sign_in(admin.email).get(f"/dashboard/admin/payouts/{requested.id}/approve").text
    assert "Le solde disponible couvre le montant" in page
    assert "Pourquoi approuver malgré" in page
    desk = Browser(acts.app).sign_in(admin.email).get(f"/dashboard/admin/creators/{creator.id}").text
    assert "Des payouts demandés ne sont plus couverts" in desk
    own = Browser(acts.app).sign_in(creator.email).get("/dashboard/creator").text
    assert "ne couvre plus votre demande" in own
    acts.approve(admin, requested.id)
    hear(deliver, process)
    assert_books_agree(acts.session, sandbox, requested, S.FAILED, rows=["PAYOUT_APPROVED", "PAYOUT_FAILED"])
    assert acts.payout(requested.id).failure_code == "balance_insufficient"
    assert sandbox.ledger()["payouts"] == []
    assert sandbox.balance(creator.stripe_account_id or "") == {"eur": (8_095, 0)}  # fees round down


def test_case_25_a_refund_while_processing_leaves_the_payout_and_owes_the_rest(
    acts: Verbs, sales: Sales, admin: User, creator: Creator, paid: Payment, requested: Payout, sandbox: Sandbox,
    deliver: Any, process: Any,
) -> None:  # fmt: skip
    acts.approve(admin, requested.id)
    assert sales.give_back(paid, admin).status is RefundStatus.SUCCEEDED
    hear(deliver, process)
    assert_books_agree(acts.session, sandbox, requested, S.PROCESSING)
    assert sandbox.balance(creator.stripe_account_id or "") == {"eur": (-12_345, 0)}
    sandbox.settle(acts.payout(requested.id).stripe_payout_id or "", "paid")
    hear(deliver, process)
    assert_books_agree(acts.session, sandbox, requested, S.PAID, rows=["PAYOUT_PROCESSING", "PAYOUT_PAID"])
    assert acts.types().count("REFUND_SUCCEEDED") == acts.types().count("TRANSFER_REVERSED") == 1
    with pytest.raises(PayoutRefused) as refused:
        acts.request(creator, "10")
    assert refused.value.event == "PAYOUT_REQUEST_INSUFFICIENT_BALANCE"


@pytest.mark.parametrize("outcome", ["won", "lost"])
def test_case_25_a_dispute_while_requested_is_shown_before_anybody_approves(
    acts: Verbs, sales: Sales, admin: User, paid: Payment, requested: Payout, sandbox: Sandbox,
    deliver: Any, process: Any, outcome: str,
) -> None:  # fmt: skip
    dispute = sandbox.open_dispute(sales.charge(paid))
    hear(deliver, process)
    assert_books_agree(acts.session, sandbox, requested, S.REQUESTED, reserved=12_345)
    browser = Browser(acts.app).sign_in(admin.email)
    assert "Litige ouvert" in browser.get("/dashboard/admin/payouts").text
    assert "1 litige ouvert" in browser.get(f"/dashboard/admin/payouts/{requested.id}").text
    assert "Pourquoi approuver malgré" in browser.get(f"/dashboard/admin/payouts/{requested.id}/approve").text
    sandbox.decide_dispute(dispute["id"], outcome)
    hear(deliver, process)
    assert "litige ouvert" not in browser.get(f"/dashboard/admin/payouts/{requested.id}").text
    acts.approve(admin, requested.id)
    assert_books_agree(acts.session, sandbox, requested, S.PROCESSING)


def test_case_25_a_dispute_while_processing_changes_nothing_of_the_payout(
    acts: Verbs, sales: Sales, admin: User, paid: Payment, requested: Payout, sandbox: Sandbox,
    deliver: Any, process: Any,
) -> None:  # fmt: skip
    acts.approve(admin, requested.id)
    dispute = sandbox.open_dispute(sales.charge(paid))
    hear(deliver, process)
    assert_books_agree(acts.session, sandbox, requested, S.PROCESSING)
    sandbox.settle(acts.payout(requested.id).stripe_payout_id or "", "paid")
    sandbox.decide_dispute(dispute["id"], "lost")
    hear(deliver, process)
    assert_books_agree(acts.session, sandbox, requested, S.PAID, rows=["PAYOUT_PROCESSING", "PAYOUT_PAID"])
    told = ["DISPUTE_OPENED", "DISPUTE_FUNDS_WITHDRAWN", "DISPUTE_CLOSED"]
    assert [type_ for type_ in acts.types() if type_.startswith("DISPUTE")] == told
