"""Sending when Stripe, the network or the worker fails: one payout at Stripe or none, and the truth in the log."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from portal.audit.actor import operation
from portal.domain.gateway import StripeFailure, Verdict
from portal.domain.payouts import sending
from portal.models import AttemptState, Creator, Payout, PayoutAttempt, PayoutStatus, TransactionLog
from portal.stripe_sandbox.sandbox import Sandbox
from portal.unit_of_work import unit_of_work
from tests.domain.acts import Acts
from tests.factories import Factory


@pytest.fixture
def requested(acts: Acts, factory: Factory) -> Payout:
    return acts.request(factory.creator()).payout


@pytest.fixture
def approve(acts: Acts, factory: Factory, requested: Payout) -> Any:
    """Approve, with Stripe behaving as the fault says."""

    def act(fault: str | None = None, **options: Any) -> Payout:
        if fault:
            factory.sandbox.faults.add(fault, method="POST", path="/v1/payouts", **options)
        acts.approve(factory.admin(), requested.id)
        factory.sandbox.faults.clear()
        return acts.payout(requested.id)

    return act


def attempt_of(acts: Acts, payout: Payout) -> PayoutAttempt:
    acts.session.rollback()
    query = (
        select(PayoutAttempt).where(PayoutAttempt.payout_id == payout.id).execution_options(populate_existing=True)
    )
    return acts.session.scalars(query).one()


def at_stripe(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [row for row in sandbox.ledger()["payouts"] if row["status"] not in {"failed", "canceled"}]


REFUSED = ["bad_request", "forbidden", "not_found"]
UNKNOWN_NOT_CREATED = ["server_error", "bad_gateway", "unavailable", "drop_before", "key_in_use"]
UNKNOWN_CREATED = ["drop_after", "server_error_unsaved", "truncated_body", "not_json", "server_error_saved"]
RETRY = ["unauthorized", "rate_limited"]


@pytest.mark.parametrize("fault", REFUSED)
def test_a_definite_refusal_fails_the_payout(acts: Acts, approve: Any, sandbox: Sandbox, fault: str) -> None:
    payout = approve(fault)
    assert payout.status is PayoutStatus.FAILED
    assert attempt_of(acts, payout).state is AttemptState.REFUSED
    assert at_stripe(sandbox) == []
    assert acts.types()[-2:] == ["PAYOUT_APPROVAL_STRIPE_CREATION_ERROR", "PAYOUT_FAILED"]


def test_a_stripe_failure_leaves_its_code_and_message_in_both_books(
    acts: Acts, factory: Factory, requested: Payout, sandbox: Sandbox
) -> None:
    """Case 12: the balance was there at the check, and is gone when the payout is sent."""
    sandbox.fund(requested.stripe_account_id, -99_000, "eur")
    acts.approve(factory.admin(), requested.id)
    payout = acts.payout(requested.id)
    error = acts.last("PAYOUT_APPROVAL_STRIPE_CREATION_ERROR")
    money = acts.session.scalars(select(TransactionLog).where(TransactionLog.event_type == "PAYOUT_FAILED")).one()
    assert (payout.status, payout.failure_code) == (PayoutStatus.FAILED, "balance_insufficient")
    assert error.details["stripeErrorCode"] == "balance_insufficient"
    assert error.details["stripeErrorType"] == "invalid_request_error"
    assert error.details["stripeErrorMessage"] in error.message
    assert error.details["stripeRequestId"].startswith("req_")
    assert (money.amount_minor, money.currency, money.status) == (12_345, "EUR", "FAILED")
    assert money.error_message == error.details["stripeErrorMessage"]


@pytest.mark.parametrize("fault", UNKNOWN_NOT_CREATED + UNKNOWN_CREATED)
def test_an_unknown_outcome_is_neither_failed_nor_sent_twice(
    acts: Acts, approve: Any, sandbox: Sandbox, fault: str
) -> None:
    payout = approve(fault, times=1)
    assert payout.status is PayoutStatus.SUBMITTING
    assert acts.types()[-1] == "PAYOUT_OUTCOME_UNKNOWN"
    assert len(at_stripe(sandbox)) == (fault in UNKNOWN_CREATED)
    acts.age_attempts("2 minutes")
    acts.send(payout.id)
    payout = acts.payout(payout.id)
    assert payout.status is PayoutStatus.PROCESSING
    assert [row["id"] for row in at_stripe(sandbox)] == [payout.stripe_payout_id]
    reconciled = "PAYOUT_RECONCILED" in acts.types()
    assert reconciled == (fault in UNKNOWN_CREATED)


@pytest.mark.parametrize("fault", RETRY)
def test_a_call_that_stripe_did_not_let_in_is_sent_again_with_the_same_key(
    acts: Acts, approve: Any, sandbox: Sandbox, fault: str
) -> None:
    payout = approve(fault, times=1)
    assert payout.status is PayoutStatus.SUBMITTING
    assert acts.types()[-1] == "STRIPE_API_ERROR"
    key = attempt_of(acts, payout).idempotency_key
    acts.age_attempts("2 minutes")
    acts.send(payout.id)
    attempt = attempt_of(acts, payout)
    assert (attempt.idempotency_key, attempt.send_count, attempt.state) == (key, 2, AttemptState.CREATED)
    assert len(at_stripe(sandbox)) == 1


def test_nothing_is_sent_again_before_its_time(acts: Acts, approve: Any, sandbox: Sandbox) -> None:
    payout = approve("server_error", times=1)
    acts.send(payout.id)
    assert attempt_of(acts, payout).send_count == 1
    with acts.app.app_context(), unit_of_work() as unit:
        assert list(sending.due_payouts(unit, now=acts.clock())) == []
        assert list(sending.due_payouts(unit, now=acts.clock() + timedelta(minutes=2))) == [payout.id]


def test_the_back_off_grows(acts: Acts, approve: Any, sandbox: Sandbox) -> None:
    waits = []
    payout = approve("server_error")
    sandbox.faults.add("server_error", method="POST", path="/v1/payouts", times=None)
    for _ in range(5):
        attempt = attempt_of(acts, payout)
        assert attempt.next_send_at
        assert attempt.last_sent_at
        waits.append(round((attempt.next_send_at - attempt.last_sent_at).total_seconds() / 60))
        acts.age_attempts("3 hours")
        acts.send(payout.id)
    assert waits == [1, 5, 30, 120, 120]


def test_a_key_older_than_23_hours_is_never_sent_again(acts: Acts, approve: Any, sandbox: Sandbox) -> None:
    payout = approve("drop_before", times=1)
    acts.age_attempts("23 hours")
    sandbox.prune_keys()
    acts.send(payout.id)
    assert acts.payout(payout.id).status is PayoutStatus.REVIEW
    assert at_stripe(sandbox) == []
    assert acts.types()[-1] == "PAYOUT_NEEDS_REVIEW"
    assert acts.last("PAYOUT_NEEDS_REVIEW").level == "CRITICAL"


def test_an_old_attempt_that_stripe_did_execute_is_found_in_its_list(
    acts: Acts, approve: Any, sandbox: Sandbox
) -> None:
    payout = approve("drop_after", times=1)
    acts.age_attempts("23 hours")
    acts.session.execute(text("update payout_attempt set first_sent_at = now() - interval '23 hours'"))
    acts.session.commit()
    sandbox.prune_keys()
    acts.send(payout.id)
    assert acts.payout(payout.id).status is PayoutStatus.PROCESSING
    assert len(at_stripe(sandbox)) == 1


def test_a_worker_that_froze_past_its_lease_does_not_post(
    acts: Acts, factory: Factory, requested: Payout, sandbox: Sandbox
) -> None:
    with acts.app.app_context():
        factory.sandbox.faults.add("drop_before", method="POST", path="/v1/payouts", times=1)
        acts.approve(factory.admin(), requested.id)
        acts.age_attempts("2 minutes")
        with operation(), unit_of_work() as unit:
            claim = sending.claim_attempt(unit, requested.id, lease=timedelta(seconds=40), now=acts.clock())
        assert claim is not None
        thawed = acts.clock() + timedelta(seconds=41)
        with unit_of_work() as unit:
            assert not sending._may_post(unit, claim, thawed)
            assert sending._may_post(unit, claim, thawed - timedelta(seconds=10))


def test_no_transaction_is_open_while_stripe_is_asked(
    acts: Acts, factory: Factory, requested: Payout, monkeypatch: pytest.MonkeyPatch
) -> None:
    from portal.extensions import db
    from portal.stripe_gateway import Stripe

    open_during_call = []
    original = Stripe._asked

    def spy(self: Stripe, call: Any) -> dict[str, Any]:
        open_during_call.append(db.session().in_transaction())
        return original(self, call)

    monkeypatch.setattr(Stripe, "_asked", spy)
    acts.approve(factory.admin(), requested.id)
    acts.request(factory.creator(), "50")
    assert open_during_call == [False, False, False]


def test_a_pause_keeps_an_approved_payout_unsent(acts: Acts, approve: Any, sandbox: Sandbox) -> None:
    acts.session.execute(
        text(
            "insert into setting (name, value, set_at)"
            " values ('payout_sending_paused', '{\"reason\": \"incident\"}', now())"
        )
    )
    acts.session.commit()
    payout = approve()
    assert (payout.status, at_stripe(sandbox)) == (PayoutStatus.APPROVED, [])
    acts.session.execute(text("delete from setting"))
    acts.session.commit()
    acts.send(payout.id)
    assert acts.payout(payout.id).status is PayoutStatus.PROCESSING


@pytest.mark.parametrize("change", ["blocked", "swapped"])
def test_what_changed_between_the_approval_and_the_sending_stops_it(
    acts: Acts, factory: Factory, requested: Payout, sandbox: Sandbox, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C19: the guard is checked again when the attempt is claimed."""
    monkeypatch.setattr("portal.domain.payouts.review.send_payout", lambda *_, **__: None)
    acts.approve(factory.admin(), requested.id)
    creator = acts.session.get_one(Creator, requested.creator_id)
    if change == "blocked":
        creator.is_payout_blocked, creator.payout_block_reason = True, "Fraude"
    else:
        creator.stripe_account_id = sandbox.create_account(country="FR", currency="eur")["id"]
    acts.session.commit()
    acts.send(requested.id)
    expected = {"blocked": PayoutStatus.APPROVED, "swapped": PayoutStatus.CANCELED}[change]
    assert (acts.payout(requested.id).status, at_stripe(sandbox)) == (expected, [])


@pytest.mark.parametrize(
    ("status", "type", "verdict"),
    [
        (400, "invalid_request_error", Verdict.REFUSED),
        (402, "card_error", Verdict.REFUSED),
        (403, "invalid_request_error", Verdict.REFUSED),
        (404, "invalid_request_error", Verdict.REFUSED),
        (400, "idempotency_error", Verdict.UNKNOWN),
        (400, "unreadable", Verdict.UNKNOWN),
        (401, "invalid_request_error", Verdict.RETRY),
        (429, "rate_limit_error", Verdict.RETRY),
        (409, "invalid_request_error", Verdict.UNKNOWN),
        (500, "api_error", Verdict.UNKNOWN),
        (None, "APIConnectionError", Verdict.UNKNOWN),
    ],
)
def test_an_error_says_what_became_of_the_money(status: int | None, type: str, verdict: Verdict) -> None:
    assert StripeFailure("x", type=type, http_status=status).verdict is verdict
