"""Sending again, as attempt n+1: only by an admin, and only when nothing of the payout lives."""

from typing import Any

import pytest
from sqlalchemy import select, text

from portal.domain.errors import PayoutRefused
from portal.models import Creator, Payout, PayoutAttempt, PayoutStatus, User
from portal.stripe_sandbox.sandbox import Sandbox
from tests.domain.acts import Acts
from tests.factories import Factory


@pytest.fixture
def admin(factory: Factory) -> User:
    return factory.admin()


@pytest.fixture
def failed(acts: Acts, factory: Factory, admin: User, sandbox: Sandbox) -> Payout:
    """A payout that Stripe refused, a quarter of an hour ago."""
    payout = acts.request(factory.creator()).payout
    sandbox.faults.add("bad_request", method="POST", path="/v1/payouts", times=1)
    acts.approve(admin, payout.id)
    acts.age_attempts("16 minutes")
    return acts.payout(payout.id)


def mend(sandbox: Sandbox, payout: Payout) -> None:
    """A failure disables the bank account; its owner puts that right."""
    sandbox.change_account(payout.stripe_account_id, bank_status="verified", payouts_enabled=True)


def attempts(acts: Acts) -> list[PayoutAttempt]:
    acts.session.rollback()
    query = select(PayoutAttempt).order_by(PayoutAttempt.n).execution_options(populate_existing=True)
    return list(acts.session.scalars(query))


def test_a_failed_payout_is_sent_again_with_a_key_of_its_own(
    acts: Acts, admin: User, failed: Payout, sandbox: Sandbox
) -> None:
    acts.retry(admin, failed.id)
    first, second = attempts(acts)
    payout = acts.payout(failed.id)
    assert (payout.status, payout.failure_code) == (PayoutStatus.PROCESSING, None)
    assert (first.state, second.state, second.n) == ("REFUSED", "CREATED", 2)
    assert first.idempotency_key != second.idempotency_key
    assert len(sandbox.ledger()["payouts"]) == 1
    facts = acts.last("PAYOUT_RETRY_AUTHORIZED").details
    assert (facts["attempt"], facts["previousStatus"]) == (2, "FAILED")


def test_nothing_is_sent_again_within_a_quarter_of_an_hour(
    acts: Acts, factory: Factory, admin: User, sandbox: Sandbox
) -> None:
    payout = acts.request(factory.creator()).payout
    sandbox.faults.add("bad_request", method="POST", path="/v1/payouts", times=1)
    acts.approve(admin, payout.id)
    with pytest.raises(PayoutRefused, match="pourrait encore arriver"):
        acts.retry(admin, payout.id)
    assert acts.payout(payout.id).status is PayoutStatus.FAILED


def test_what_lives_at_stripe_is_taken_up_instead_of_sent_again(
    acts: Acts, factory: Factory, admin: User, sandbox: Sandbox
) -> None:
    payout = acts.request(factory.creator()).payout
    sandbox.faults.add("drop_after", method="POST", path="/v1/payouts", times=1)
    acts.approve(admin, payout.id)
    sandbox.faults.add("server_error", method="GET", path="/v1/payouts", times=None)
    acts.age_attempts("24 hours")
    acts.send(payout.id)  # Stripe's list cannot be read: nothing is decided
    assert acts.payout(payout.id).status is PayoutStatus.SUBMITTING
    acts.session.get_one(Payout, payout.id).move_to(PayoutStatus.REVIEW, at=acts.clock())
    acts.session.commit()
    acts.age_attempts("1 hour")
    with pytest.raises(PayoutRefused) as refusal:
        acts.retry(admin, payout.id)
    assert refusal.value.status == 502
    sandbox.faults.clear()
    with pytest.raises(PayoutRefused, match="payout vivant"):
        acts.retry(admin, payout.id)
    assert acts.payout(payout.id).status is PayoutStatus.PROCESSING
    assert len(sandbox.ledger()["payouts"]) == 1


def test_a_late_failure_of_an_old_attempt_does_not_touch_the_new_one(
    acts: Acts, factory: Factory, admin: User, sandbox: Sandbox, deliver: Any, process: Any
) -> None:
    """Case 18: the first attempt bounces, the second is paid, then an old event comes again."""
    payout = acts.request(factory.creator()).payout
    acts.approve(admin, payout.id)
    first = acts.payout(payout.id).stripe_payout_id or ""
    sandbox.settle(first, "failed", "could_not_process")
    deliver()
    process()
    mend(sandbox, payout)
    late = [event["id"] for event in sandbox.events() if event["type"] == "payout.failed"]
    acts.age_attempts("16 minutes")
    acts.retry(admin, payout.id)
    second = acts.payout(payout.id).stripe_payout_id or ""
    sandbox.settle(second, "paid")
    deliver()
    process()
    acts.session.execute(
        text("update stripe_event set state = 'RECEIVED', next_try_at = now() where id = :id"), {"id": late[0]}
    )
    acts.session.commit()
    process()
    assert (acts.payout(payout.id).status, acts.payout(payout.id).stripe_payout_id) == (PayoutStatus.PAID, second)
    assert "PAYOUT_NEEDS_REVIEW" not in acts.types()


def test_a_payout_that_bounced_can_be_sent_again(
    acts: Acts, factory: Factory, admin: User, sandbox: Sandbox, deliver: Any, process: Any
) -> None:
    payout = acts.request(factory.creator()).payout
    acts.approve(admin, payout.id)
    for outcome in ("paid", "failed"):
        sandbox.settle(acts.payout(payout.id).stripe_payout_id or "", outcome)
    deliver()
    process()
    mend(sandbox, payout)
    acts.age_attempts("16 minutes")
    acts.retry(admin, payout.id)
    assert acts.payout(payout.id).status is PayoutStatus.PROCESSING
    assert [row["status"] for row in sandbox.ledger()["payouts"]] == ["failed", "pending"]


@pytest.mark.parametrize("status", [s for s in PayoutStatus if s not in {"FAILED", "RETURNED", "REVIEW"}])
def test_only_what_failed_or_was_lost_is_sent_again(
    acts: Acts, factory: Factory, admin: User, status: PayoutStatus
) -> None:
    payout = factory.payout(factory.creator(), status=status)
    with pytest.raises(PayoutRefused, match="ne peut pas être renvoyé"):
        acts.retry(admin, payout.id)
    assert acts.payout(payout.id).status is status


def test_a_blocked_creator_is_not_paid_by_a_retry(
    acts: Acts, admin: User, failed: Payout, sandbox: Sandbox
) -> None:
    creator = acts.session.get_one(Creator, failed.creator_id)
    creator.is_payout_blocked, creator.payout_block_reason = True, "Fraude"
    acts.session.commit()
    with pytest.raises(PayoutRefused, match="Fraude"):
        acts.retry(admin, failed.id)
    assert sandbox.ledger()["payouts"] == []


def test_a_retry_needs_a_reason(acts: Acts, admin: User, failed: Payout) -> None:
    with pytest.raises(PayoutRefused) as refusal:
        acts.retry(admin, failed.id, "court")
    assert refusal.value.status == 422


def test_a_creator_with_another_open_payout_is_not_paid_twice_over(
    acts: Acts, admin: User, failed: Payout, factory: Factory
) -> None:
    acts.request(acts.session.get_one(Creator, failed.creator_id), "50")
    with pytest.raises(PayoutRefused, match="déjà un autre payout en cours"):
        acts.retry(admin, failed.id)
