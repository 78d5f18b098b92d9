"""Stored events and what they do: the state re-read from Stripe, in any order, however often."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.domain.work import utc_now
from portal.models import (
    Creator,
    InboxState,
    Log,
    LogLevel,
    Payout,
    PayoutStatus,
    StripeEvent,
    TransactionLog,
)
from portal.stripe_sandbox.sandbox import Sandbox
from portal.webhooks import processing
from tests.domain.acts import Acts
from tests.factories import Factory


@pytest.fixture
def acts(app: Flask, session: Session) -> Acts:
    return Acts(app, session)


@pytest.fixture
def sent(acts: Acts, factory: Factory) -> Payout:
    """A payout that Stripe has just created."""
    requested = acts.request(factory.creator()).payout
    acts.approve(factory.admin(), requested.id)
    return acts.payout(requested.id)


def states(session: Session) -> list[InboxState]:
    session.rollback()
    query = select(StripeEvent).execution_options(populate_existing=True)
    return [row.state for row in session.scalars(query)]


def test_a_paid_payout_is_paid_in_both_books(
    acts: Acts, sent: Payout, sandbox: Sandbox, deliver: Any, process: Any
) -> None:
    sandbox.settle(sent.stripe_payout_id or "", "paid")
    deliver()
    process()
    payout = acts.payout(sent.id)
    assert payout.status is PayoutStatus.PAID
    assert payout.paid_at is not None
    row = acts.last("PAYOUT_PAID")
    assert (row.details["stripePayoutId"], row.details["source"]) == (sent.stripe_payout_id, "stripe_webhook")
    money = acts.session.scalars(select(TransactionLog).where(TransactionLog.event_type == "PAYOUT_PAID")).one()
    assert (money.amount_minor, money.status, money.payout_id) == (12_345, "PAID", str(sent.id))
    assert money.stripe_event_id is not None
    assert set(states(acts.session)) == {InboxState.PROCESSED}


def test_a_failed_payout_keeps_stripes_reason(
    acts: Acts, sent: Payout, sandbox: Sandbox, deliver: Any, process: Any
) -> None:
    sandbox.settle(sent.stripe_payout_id or "", "failed", "account_closed")
    deliver()
    process()
    payout = acts.payout(sent.id)
    facts = acts.last("PAYOUT_FAILED").details
    assert (payout.status, payout.failure_code) == (PayoutStatus.FAILED, "account_closed")
    assert (facts["failureCode"], facts["failureMessage"]) == ("account_closed", payout.failure_message)
    assert facts["failureMessage"] in acts.last("PAYOUT_FAILED").message


def test_a_payout_that_bounces_after_being_paid_is_returned(
    acts: Acts, sent: Payout, sandbox: Sandbox, deliver: Any, process: Any
) -> None:
    for outcome in ("paid", "failed"):
        sandbox.settle(sent.stripe_payout_id or "", outcome)
        deliver()
        process()
    assert acts.payout(sent.id).status is PayoutStatus.RETURNED
    assert [t for t in acts.types() if t in {"PAYOUT_PAID", "PAYOUT_RETURNED"}] == [
        "PAYOUT_PAID",
        "PAYOUT_RETURNED",
    ]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_any_order_of_events_ends_in_the_state_that_stripe_shows(
    acts: Acts, sent: Payout, sandbox: Sandbox, deliver: Any, process: Any, order: tuple[int, ...]
) -> None:
    sandbox.settle(sent.stripe_payout_id or "", "in_transit")
    sandbox.settle(sent.stripe_payout_id or "", "paid")
    events = [event["id"] for event in sandbox.events() if event["type"].startswith("payout.")]
    assert len(events) == 3
    for position in order:
        deliver(events=[events[position]], copies=2)
        process()
    assert acts.payout(sent.id).status is PayoutStatus.PAID
    assert acts.types().count("PAYOUT_PAID") == 1


def test_a_late_update_does_not_bring_a_paid_payout_back(
    acts: Acts, sent: Payout, sandbox: Sandbox, deliver: Any, process: Any
) -> None:
    sandbox.settle(sent.stripe_payout_id or "", "paid")
    late = next(event["id"] for event in sandbox.events() if event["type"] == "payout.created")
    paid = next(event["id"] for event in sandbox.events() if event["type"] == "payout.paid")
    deliver(events=[paid])
    process()
    deliver(events=[late])
    process()
    assert acts.payout(sent.id).status is PayoutStatus.PAID


def test_a_webhook_that_comes_before_the_answer_adopts_the_payout(
    acts: Acts, factory: Factory, sandbox: Sandbox, deliver: Any, process: Any
) -> None:
    """C5, C7: the answer is lost, and the event names our attempt."""
    requested = acts.request(factory.creator()).payout
    sandbox.faults.add("drop_after", method="POST", path="/v1/payouts", times=1)
    acts.approve(factory.admin(), requested.id)
    assert acts.payout(requested.id).status is PayoutStatus.SUBMITTING
    deliver()
    process()
    payout = acts.payout(requested.id)
    assert (payout.status, payout.stripe_payout_id) == (
        PayoutStatus.PROCESSING,
        sandbox.ledger()["payouts"][0]["id"],
    )
    assert acts.last("PAYOUT_RECONCILED").details["cause"] == "stripe_webhook"
    acts.age_attempts("5 minutes")
    acts.send(payout.id)
    assert len(sandbox.ledger()["payouts"]) == 1


def test_an_event_that_lies_about_the_money_changes_nothing(
    acts: Acts, sent: Payout, app: Flask, process: Any
) -> None:
    """Signed or not, what an event says of a state is only a reason to ask."""
    from tests.webhooks.test_receiving import CONNECT, body, signature

    payload = body(
        account=sent.stripe_account_id,
        data={"object": {"id": sent.stripe_payout_id, "object": "payout", "status": "paid", "amount": 1}},
    )
    app.test_client().post(CONNECT, data=payload, headers={"Stripe-Signature": signature(payload)})
    process()
    assert acts.payout(sent.id).status is PayoutStatus.PROCESSING


def test_a_payout_that_is_not_ours_is_reported(
    acts: Acts, factory: Factory, sandbox: Sandbox, deliver: Any, process: Any
) -> None:
    creator = factory.creator()
    with acts.app.app_context():
        acts.gateway.create_payout(
            creator.stripe_account_id or "", {"amount": 500, "currency": "eur"}, "made-by-hand"
        )
    deliver()
    process()
    facts = acts.last("STRIPE_PAYOUT_UNMATCHED").details
    assert (facts["amount"], facts["stripeAccountId"]) == (5, creator.stripe_account_id)
    assert acts.session.scalars(select(Payout)).all() == []


def test_another_payout_under_our_attempt_calls_a_human(
    acts: Acts, factory: Factory, sandbox: Sandbox, deliver: Any, process: Any
) -> None:
    requested = acts.request(factory.creator()).payout
    sandbox.faults.add("drop_before", method="POST", path="/v1/payouts", times=1)
    acts.approve(factory.admin(), requested.id)
    [(attempt_id,)] = acts.session.execute(text("select id from payout_attempt")).all()
    metadata = {"payout_id": str(requested.id), "attempt_id": str(attempt_id)}
    with acts.app.app_context():
        acts.gateway.create_payout(
            requested.stripe_account_id, {"amount": 999, "currency": "eur", "metadata": metadata}, "other-key"
        )
    deliver()
    process()
    assert acts.payout(requested.id).status is PayoutStatus.REVIEW
    facts = acts.last("PAYOUT_NEEDS_REVIEW").details
    assert (facts["amount"], facts["stripeAmountMinor"]) == (123.45, 999)


def test_an_event_without_a_handler_is_ignored_and_said_so(
    acts: Acts, app: Flask, factory: Factory, session: Session, process: Any
) -> None:
    from tests.webhooks.test_receiving import CONNECT, body, signature

    payload = body(type="balance.available", account=factory.creator().stripe_account_id)
    app.test_client().post(CONNECT, data=payload, headers={"Stripe-Signature": signature(payload)})
    process()
    assert states(session) == [InboxState.IGNORED]
    assert acts.types()[-1] == "WEBHOOK_IGNORED"


def test_a_poison_event_is_kept_retried_and_holds_nobody_up(
    acts: Acts, sent: Payout, app: Flask, sandbox: Sandbox, deliver: Any, process: Any
) -> None:
    from tests.webhooks.test_receiving import CONNECT, body, signature

    unknown = {"object": {"id": "po_unknown", "object": "payout"}}
    poison = body(id="evt_poison", account=sent.stripe_account_id, data=unknown)
    app.test_client().post(CONNECT, data=poison, headers={"Stripe-Signature": signature(poison)})
    sandbox.settle(sent.stripe_payout_id or "", "paid")
    deliver()
    process()
    assert acts.payout(sent.id).status is PayoutStatus.PAID
    row = acts.session.get_one(StripeEvent, "evt_poison", populate_existing=True)
    assert (row.state, row.tries) == (InboxState.RECEIVED, 1)
    assert row.next_try_at is not None
    assert timedelta(seconds=5) < row.next_try_at - utc_now() <= timedelta(seconds=10)
    failed = acts.last("WEBHOOK_PROCESSING_FAILED").details
    assert "No such payout" in failed["errorMessage"]
    assert "StripeFailure" in failed["errorStack"]


def test_after_its_last_try_an_event_waits_for_an_admin(
    acts: Acts, app: Flask, factory: Factory, process: Any
) -> None:
    from tests.webhooks.test_receiving import CONNECT, body, signature

    poison = body(account=factory.creator().stripe_account_id)
    app.test_client().post(CONNECT, data=poison, headers={"Stripe-Signature": signature(poison)})
    for _ in range(len(processing.BACK_OFF) + 1):
        acts.session.execute(text("update stripe_event set next_try_at = now() where state = 'RECEIVED'"))
        acts.session.commit()
        process()
    row = acts.session.get_one(StripeEvent, "evt_1", populate_existing=True)
    assert (row.state, row.tries, row.next_try_at) == (InboxState.DEAD, 8, None)
    assert "StripeFailure" in (row.last_stack or "")
    told = acts.last("WEBHOOK_DEAD")
    assert (told.level, told.details["eventId"], told.details["tries"]) == (LogLevel.CRITICAL, "evt_1", 8)
    assert acts.types().count("WEBHOOK_DEAD") == 1


def test_every_row_of_a_delivery_and_its_processing_shares_one_request_id(
    acts: Acts, sent: Payout, sandbox: Sandbox, deliver: Any, process: Any
) -> None:
    deliver()
    process()
    event = acts.session.scalars(select(StripeEvent)).one()
    rows = acts.session.scalars(select(Log).where(Log.request_id == event.request_id).order_by(Log.id)).all()
    assert [row.type for row in rows] == [
        "WEBHOOK_SIGNATURE_VERIFIED",
        "WEBHOOK_RECEIVED",
        "WEBHOOK_PROCESSING_STARTED",
        "WEBHOOK_PROCESSING_SUCCESS",
    ]
    assert {row.details["payoutId"] for row in rows} == {str(sent.id)}


def test_an_account_that_left_the_platform_allows_nothing_any_more(
    acts: Acts, factory: Factory, sandbox: Sandbox, deliver: Any, process: Any
) -> None:
    creator = factory.creator(payouts_enabled=True, charges_enabled=True)
    sandbox.change_account(creator.stripe_account_id or "", deauthorized=True)
    deliver()
    process()
    kept = acts.session.get_one(Creator, creator.id, populate_existing=True)
    assert (kept.payouts_enabled, kept.charges_enabled) == (False, False)
    facts = acts.last("CREATOR_STRIPE_ACCOUNT_UPDATED").details
    assert facts["requirementsDue"] == ["account.deauthorized"]
    assert set(states(acts.session)) == {InboxState.PROCESSED}


def test_an_account_change_is_kept_and_warned_about(
    acts: Acts, factory: Factory, sandbox: Sandbox, deliver: Any, process: Any
) -> None:
    creator = factory.creator()
    sandbox.change_account(
        creator.stripe_account_id or "", payouts_enabled=False, interval="daily", bank_status="errored"
    )
    deliver()
    process()
    kept = acts.session.get_one(Creator, creator.id, populate_existing=True)
    assert (kept.payouts_enabled, kept.stripe_schedule_interval) == (False, "daily")
    assert {
        "CREATOR_STRIPE_ACCOUNT_UPDATED",
        "CREATOR_PAYOUT_SCHEDULE_NOT_MANUAL",
        "CREATOR_BANK_ACCOUNT_ERRORED",
    } <= set(acts.types())
