"""Withdrawing and cancelling: before the payout is sent, and at Stripe while it is pending."""

from typing import Any

import pytest

from portal.domain.errors import NotFound, PayoutRefused
from portal.models import Payout, PayoutStatus, User
from portal.stripe_sandbox.sandbox import Sandbox
from tests.domain.acts import Acts
from tests.factories import Factory


@pytest.fixture
def admin(factory: Factory) -> User:
    return factory.admin()


@pytest.fixture
def requested(acts: Acts, factory: Factory) -> Payout:
    return acts.request(factory.creator()).payout


def test_a_creator_withdraws_a_request_and_may_ask_again(acts: Acts, factory: Factory) -> None:
    creator = factory.creator(balance_minor=15_000)
    payout = acts.request(creator, "100").payout
    acts.withdraw(creator, payout.id)
    assert acts.payout(payout.id).status is PayoutStatus.CANCELED
    assert acts.last("PAYOUT_CANCELED").details["source"] == "creator"
    assert acts.request(creator, "150").is_new


def test_nobody_withdraws_a_payout_of_another(acts: Acts, factory: Factory, requested: Payout) -> None:
    with pytest.raises(NotFound):
        acts.withdraw(factory.creator(), requested.id)
    assert acts.payout(requested.id).status is PayoutStatus.REQUESTED


def test_an_approved_payout_is_cancelled_as_long_as_it_was_not_sent(
    acts: Acts, admin: User, requested: Payout, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.domain.payouts.review.send_payout", lambda *_, **__: None)
    acts.approve(admin, requested.id)
    acts.cancel(admin, requested.id)
    acts.send(requested.id)
    assert acts.payout(requested.id).status is PayoutStatus.CANCELED
    assert sandbox.ledger()["payouts"] == []
    row = acts.last("PAYOUT_CANCELED")
    assert (row.actor, row.actor_id, row.details["source"]) == ("ADMIN", str(admin.id), "admin")


def test_a_payout_whose_outcome_is_unknown_is_not_cancelled(
    acts: Acts, admin: User, requested: Payout, sandbox: Sandbox
) -> None:
    sandbox.faults.add("drop_after", method="POST", path="/v1/payouts", times=1)
    acts.approve(admin, requested.id)
    with pytest.raises(PayoutRefused, match="SUBMITTING"):
        acts.cancel(admin, requested.id)


def test_a_pending_payout_is_cancelled_at_stripe_and_its_money_comes_back(
    acts: Acts, admin: User, requested: Payout, sandbox: Sandbox, deliver: Any, process: Any
) -> None:
    acts.approve(admin, requested.id)
    acts.cancel(admin, requested.id)
    assert acts.payout(requested.id).status is PayoutStatus.CANCELED
    assert sandbox.ledger()["payouts"][0]["status"] == "canceled"
    assert sandbox.balance(requested.stripe_account_id)["eur"][0] == 100_000
    deliver()
    process()
    assert acts.types().count("PAYOUT_CANCELED") == 1


def test_a_payout_on_its_way_to_the_bank_is_not_cancelled(
    acts: Acts, admin: User, requested: Payout, sandbox: Sandbox
) -> None:
    acts.approve(admin, requested.id)
    sandbox.settle(acts.payout(requested.id).stripe_payout_id or "", "in_transit")
    with pytest.raises(PayoutRefused, match="ne peut plus être annulé"):
        acts.cancel(admin, requested.id)
    assert acts.payout(requested.id).status is PayoutStatus.PROCESSING


def test_stripe_failing_to_cancel_changes_nothing(
    acts: Acts, admin: User, requested: Payout, sandbox: Sandbox
) -> None:
    acts.approve(admin, requested.id)
    sandbox.faults.add("server_error", method="POST", path="/v1/payouts/*/cancel", times=1)
    with pytest.raises(PayoutRefused) as refusal:
        acts.cancel(admin, requested.id)
    assert refusal.value.status == 502
    assert acts.payout(requested.id).status is PayoutStatus.PROCESSING
    assert acts.types()[-1] == "STRIPE_API_ERROR"


@pytest.mark.parametrize(
    "status",
    [s for s in PayoutStatus if s not in {"REQUESTED", "APPROVED", "PROCESSING"}],
)
def test_nothing_else_is_cancelled(acts: Acts, factory: Factory, admin: User, status: PayoutStatus) -> None:
    payout = factory.payout(factory.creator(), status=status)
    with pytest.raises(PayoutRefused, match=status):
        acts.cancel(admin, payout.id)
    assert acts.payout(payout.id).status is status
