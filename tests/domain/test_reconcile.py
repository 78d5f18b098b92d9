"""Reconciliation: overdue payouts read again, bounces found, four buckets, a next check for all that is open."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.audit.actor import operation
from portal.domain.payouts.compare import Bucket, Compared, compare_account
from portal.domain.payouts.reconcile import CHECKED, Checked, check_payout, due_checks
from portal.domain.work import utc_now
from portal.models import Payout, PayoutAttempt, PayoutStatus
from portal.queries.reconciliation import unchecked_payouts
from portal.unit_of_work import unit_of_work
from tests.domain.acts import Acts
from tests.factories import Factory

LATER = timedelta(hours=2)
NO_LIMIT = Decimal(100_000)


@pytest.fixture
def sent(acts: Acts, factory: Factory) -> Payout:
    """A payout that Stripe has, in PROCESSING."""
    return acts.payout(acts.request(factory.creator(), auto_limit=NO_LIMIT).payout.id)


def check(app: Flask, payout: Payout) -> Checked:
    with app.app_context(), operation():
        gateway = app.extensions["stripe_gateway"]
        return check_payout(unit_of_work, gateway, payout_id=payout.id, clock=lambda: utc_now() + LATER)


def compare(app: Flask, account: str | None, told: Any = (), after: timedelta = LATER) -> Compared:
    with app.app_context(), operation():
        gateway, clock = app.extensions["stripe_gateway"], lambda: datetime.now(UTC) + after
        return compare_account(unit_of_work, gateway, account=account or "", told=told, clock=clock)


def test_an_overdue_payout_is_read_again_and_settled(
    app: Flask, acts: Acts, sent: Payout, factory: Factory
) -> None:
    factory.sandbox.settle(sent.stripe_payout_id or "", "paid")
    assert check(app, sent).changed
    assert acts.payout(sent.id).status is PayoutStatus.PAID
    row = acts.last("PAYOUT_RECONCILED")
    found = (row.details["previousStatus"], row.details["newStatus"], row.details["cause"])
    assert found == ("PROCESSING", "PAID", "reconciliation")
    assert acts.last("PAYOUT_PAID").details["source"] == "reconciliation"
    assert acts.payout(sent.id).next_check_at is None


def test_a_payout_that_has_not_moved_is_looked_at_again_later(app: Flask, acts: Acts, sent: Payout) -> None:
    before = sent.next_check_at
    assert not check(app, sent).changed
    after = acts.payout(sent.id)
    assert after.status is PayoutStatus.PROCESSING
    assert before is not None
    assert after.next_check_at is not None
    assert after.next_check_at > before
    assert "PAYOUT_RECONCILED" not in acts.types()


def test_stripe_not_answering_moves_the_check_on_and_is_kept(
    app: Flask, acts: Acts, sent: Payout, factory: Factory
) -> None:
    factory.sandbox.faults.add("server_error", path="/v1/payouts/*", times=1)
    assert check(app, sent).error
    after = acts.payout(sent.id)
    assert after.next_check_at is not None
    assert after.next_check_at > utc_now() + LATER
    assert acts.last("STRIPE_API_ERROR").details["payoutId"] == str(sent.id)


def test_a_payout_in_review_is_found_by_its_attempt(
    app: Flask, acts: Acts, factory: Factory, session: Session
) -> None:
    """Created at Stripe, never known here, its key too old to send: the list still says so."""
    factory.sandbox.faults.add("drop_after", method="POST", path="/v1/payouts", times=1)
    payout = acts.request(factory.creator(), auto_limit=NO_LIMIT).payout
    session.execute(text("update payout set status = 'REVIEW'"))
    session.execute(text("update payout_attempt set state = 'ABANDONED', next_send_at = null, lease_until = null"))
    session.commit()
    with app.app_context():
        assert list(due_checks(session, now=utc_now() + LATER)) == [payout.id]
    assert check(app, payout).changed
    assert acts.payout(payout.id).status is PayoutStatus.PROCESSING


def test_a_missing_next_check_counts_as_due(sent: Payout, session: Session) -> None:
    session.execute(text("update payout set next_check_at = null"))
    session.commit()
    assert list(due_checks(session, now=utc_now() + LATER)) == [sent.id]


def test_no_open_payout_is_without_a_next_check_after_any_verb(
    acts: Acts, factory: Factory, session: Session
) -> None:
    """REQUESTED waits for a person; a decision makes an attempt."""
    admin = factory.admin()

    def nothing_is_forgotten() -> bool:
        session.rollback()
        far = utc_now() + timedelta(days=30)
        checked = set(due_checks(session, now=far))
        waiting = set(session.scalars(select(Payout.id).where(Payout.status.in_(CHECKED))))
        return waiting == checked and list(unchecked_payouts(session)) == []

    def verb(*faults: str) -> Payout:
        for fault in faults:
            factory.sandbox.faults.add(fault, method="POST", path="/v1/payouts", times=1)
        payout = acts.request(factory.creator(), auto_limit=NO_LIMIT).payout
        assert nothing_is_forgotten()
        return payout

    verb()
    for fault in ("bad_request", "rate_limited", "server_error", "drop_before", "drop_after"):
        verb(fault)
    asked = acts.request(factory.creator()).payout
    assert nothing_is_forgotten()
    acts.approve(admin, asked.id)
    assert nothing_is_forgotten()
    acts.reject(admin, acts.request(factory.creator()).payout.id)
    acts.cancel(admin, acts.request(factory.creator()).payout.id)
    refused = verb("bad_request")
    acts.age_attempts("1 hour")
    acts.retry(admin, refused.id)
    assert nothing_is_forgotten()
    lost = verb("server_error")
    acts.age_attempts("24 hours")
    acts.send(lost.id)
    assert acts.payout(lost.id).status is PayoutStatus.REVIEW
    assert nothing_is_forgotten()


def test_an_attempt_without_a_turn_is_found(acts: Acts, factory: Factory, session: Session) -> None:
    factory.sandbox.faults.add("server_error", method="POST", path="/v1/payouts", times=1)
    payout = acts.request(factory.creator(), auto_limit=NO_LIMIT).payout
    session.execute(text("update payout_attempt set next_send_at = null"))
    session.commit()
    assert [row.id for row in unchecked_payouts(session)] == [payout.id]


def test_both_books_agree(app: Flask, sent: Payout) -> None:
    compared = compare(app, sent.stripe_account_id)
    assert (compared.agreeing, compared.pairs, compared.repaired) == (1, [], 0)


def test_a_bounce_after_payment_is_found_by_the_daily_comparison(
    app: Flask, acts: Acts, sent: Payout, factory: Factory
) -> None:
    stripe_id = sent.stripe_payout_id or ""
    factory.sandbox.settle(stripe_id, "paid")
    check(app, sent)
    factory.sandbox.settle(stripe_id, "failed", "account_closed")
    compared = compare(app, sent.stripe_account_id)
    assert (compared.repaired, compared.agreeing) == (1, 1)
    assert acts.payout(sent.id).status is PayoutStatus.RETURNED


def test_only_ours(app: Flask, sent: Payout, session: Session) -> None:
    session.execute(text("update payout set stripe_payout_id = 'po_invented'"))
    session.execute(text("update payout_attempt set stripe_payout_id = null"))
    session.commit()
    compared = compare(app, sent.stripe_account_id)
    [ours] = [pair for pair in compared.pairs if pair.bucket is Bucket.ONLY_OURS]
    assert ours.facts()["stripePayoutId"] == "po_invented"


def test_only_stripes_is_told_once(app: Flask, acts: Acts, factory: Factory) -> None:
    creator = factory.creator()
    account = creator.stripe_account_id or ""
    gateway = app.extensions["stripe_gateway"]
    stranger = gateway.create_payout(account, {"amount": 700, "currency": "eur"}, "somebody-else")
    [pair] = compare(app, account).pairs
    assert (pair.bucket, pair.facts()["stripePayoutId"]) == (Bucket.ONLY_STRIPE, stranger.id)
    [again] = compare(app, account, told={stranger.id}).pairs
    assert again.bucket is Bucket.ONLY_STRIPE
    assert acts.types().count("STRIPE_PAYOUT_UNMATCHED") == 1


def test_another_amount_differs(app: Flask, sent: Payout, session: Session) -> None:
    session.execute(text("update payout set amount_minor = 1"))
    session.commit()
    [pair] = compare(app, sent.stripe_account_id).pairs
    assert pair.bucket is Bucket.DIFFER
    assert pair.facts()["ours"][0] == 1
    assert pair.facts()["stripe"][0] == 12_345


def test_a_replaced_attempt_agrees_when_it_is_dead_at_stripe(
    app: Flask, acts: Acts, sent: Payout, factory: Factory, session: Session
) -> None:
    factory.sandbox.settle(sent.stripe_payout_id or "", "failed", "account_closed")
    check(app, sent)
    factory.sandbox.change_account(sent.stripe_account_id, bank_status="verified")
    acts.age_attempts("1 hour")
    acts.retry(factory.admin(), sent.id)
    assert len(session.scalars(select(PayoutAttempt)).all()) == 2
    compared = compare(app, sent.stripe_account_id)
    assert (compared.agreeing, compared.pairs) == (2, [])


def test_what_moved_a_moment_ago_is_left_alone(app: Flask, factory: Factory) -> None:
    creator = factory.creator()
    gateway = app.extensions["stripe_gateway"]
    gateway.create_payout(creator.stripe_account_id, {"amount": 700, "currency": "eur"}, "somebody-else")
    assert compare(app, creator.stripe_account_id, after=timedelta(0)).pairs == []


def test_a_balance_older_than_sixty_days_is_flagged(app: Flask, factory: Factory) -> None:
    creator = factory.creator(balance_minor=5_000)
    account = creator.stripe_account_id
    assert compare(app, account, after=timedelta(days=59)).old_minor == {}
    assert compare(app, account, after=timedelta(days=61)).old_minor == {"EUR": 5_000}
