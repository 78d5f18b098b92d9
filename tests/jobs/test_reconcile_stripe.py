"""The reconciliation run: missed events stored, overdue payouts checked, everything compared once a day."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.audit.actor import SYSTEM
from portal.jobs import reconcile_stripe
from portal.jobs.desk import Desk
from portal.jobs.runner import run_slot
from portal.models import EventOrigin, InboxState, JobRun, Payout, PayoutStatus, RunState, StripeEvent
from tests.domain.acts import Acts
from tests.factories import Factory

JOB = "reconcile-stripe"
NO_LIMIT = Decimal(100_000)


@pytest.fixture
def acts(app: Flask, session: Session) -> Acts:
    return Acts(app, session)


@pytest.fixture
def run(app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch) -> Callable[..., JobRun]:
    """One run, by hand or in a slot; events are looked for up to this moment."""
    monkeypatch.setattr(reconcile_stripe, "ON_ITS_WAY", timedelta(0))

    def act(slot: str | None = None) -> JobRun:
        with app.app_context():
            if slot is None:
                run_id = Desk(app).run_now(JOB, SYSTEM, wait=True)
            else:
                claimed = run_slot(JOB, slot, lambda held: reconcile_stripe.work(app, held))
                assert claimed is not None
                run_id = claimed.id
        session.rollback()
        return session.get_one(JobRun, run_id, populate_existing=True)

    return act


@pytest.fixture
def sent(acts: Acts, factory: Factory) -> Payout:
    return acts.payout(acts.request(factory.creator(), auto_limit=NO_LIMIT).payout.id)


def test_events_that_never_arrived_are_stored_once_and_processed(
    run: Callable[..., JobRun], acts: Acts, sent: Payout, factory: Factory, process: Any, session: Session
) -> None:
    factory.sandbox.settle(sent.stripe_payout_id or "", "paid")
    first, second = run(), run()
    assert (first.summary["missedEvents"], second.summary["missedEvents"]) == (3, 0)
    stored = session.scalars(select(StripeEvent).order_by(StripeEvent.stripe_created_at)).all()
    assert {event.origin for event in stored} == {EventOrigin.LIST}
    assert {event.account for event in stored} == {sent.stripe_account_id}
    process()
    assert acts.payout(sent.id).status is PayoutStatus.PAID
    session.rollback()
    assert {e.state for e in session.scalars(select(StripeEvent))} == {InboxState.PROCESSED}


def test_an_event_that_came_by_itself_is_not_stored_again(
    run: Callable[..., JobRun], sent: Payout, deliver: Any, session: Session
) -> None:
    deliver()
    assert run().summary["missedEvents"] == 0
    assert {event.origin for event in session.scalars(select(StripeEvent))} == {EventOrigin.WEBHOOK}


def test_an_overdue_payout_is_repaired_and_counted(
    run: Callable[..., JobRun], acts: Acts, sent: Payout, factory: Factory, session: Session
) -> None:
    factory.sandbox.settle(sent.stripe_payout_id or "", "paid")
    session.execute(text("update payout set next_check_at = now() - interval '1 minute'"))
    session.commit()
    found = run()
    assert (found.state, found.summary["repaired"]) == (RunState.SUCCEEDED, 1)
    told = acts.last("CRON_RECONCILE_COMPLETED").details
    assert (told["repaired"], told["unmatched"], told["runId"]) == (1, 0, str(found.id))


def test_everything_is_compared_once_a_day_and_by_hand(run: Callable[..., JobRun], sent: Payout) -> None:
    first = run("2026-11-22T00:00:00Z")
    assert first.summary["compare"]["buckets"] == {"agree": 1, "only_ours": 0, "only_stripe": 0, "differ": 0}
    assert "compare" not in run("2026-11-22T00:15:00Z").summary
    assert "compare" in run().summary


def test_one_account_in_trouble_stops_no_other(
    run: Callable[..., JobRun], sent: Payout, acts: Acts, factory: Factory
) -> None:
    other = factory.creator()
    factory.sandbox.change_account(other.stripe_account_id or "", deauthorized=True)
    found = run()
    assert found.state is RunState.SUCCEEDED
    assert found.summary["errors"] == 1
    assert found.summary["failures"][0]["subject"] == other.stripe_account_id
    assert found.summary["compare"]["buckets"]["agree"] == 1


def test_a_run_that_breaks_says_so_with_its_stack(
    run: Callable[..., JobRun], acts: Acts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no list today")

    monkeypatch.setattr(reconcile_stripe, "due_checks", fail)
    found = run()
    assert found.state is RunState.FAILED
    row = acts.last("CRON_RECONCILE_FATAL_ERROR")
    assert "no list today" in row.details["errorStack"]
    assert row.request_id == found.id
