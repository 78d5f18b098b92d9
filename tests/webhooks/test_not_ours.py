"""Events that Stripe signed and that are not about us: kept, set aside, told, and never tried again."""

from typing import Any

import pytest
from flask import Flask

from portal.models import Creator, InboxState, LogLevel, Payout, PayoutStatus
from portal.stripe_gateway import Stripe
from portal.stripe_sandbox.sandbox import Sandbox
from tests.domain.acts import Acts
from tests.factories import Factory
from tests.webhooks.inbox import Inbox


def assert_set_aside(inbox: Inbox, reason: str) -> None:
    row = inbox.row("evt_1")
    assert (row.state, row.next_try_at, row.tries) == (InboxState.IGNORED, None, 1)
    [told] = inbox.told("WEBHOOK_NOT_OURS")
    assert told.level is LogLevel.WARNING
    assert reason in told.details["reason"]
    assert inbox.told("WEBHOOK_PROCESSING_STARTED") == []
    inbox.make_due()
    assert inbox.work() == 0


def test_an_account_that_no_creator_has(inbox: Inbox) -> None:
    inbox.post("evt_1", "acct_nobody")
    inbox.work()
    assert_set_aside(inbox, "acct_nobody")


def test_a_live_event_while_the_key_is_a_test_one(inbox: Inbox, factory: Factory) -> None:
    inbox.post("evt_1", factory.creator().stripe_account_id, livemode=True)
    inbox.work()
    assert_set_aside(inbox, "livemode is true, the configured key's is false")


@pytest.mark.parametrize("key", ["sk_live_1", "rk_live_1"])
def test_a_test_event_while_the_key_is_a_live_one(app: Flask, inbox: Inbox, factory: Factory, key: str) -> None:
    before = app.extensions["settings"]
    account = factory.creator().stripe_account_id
    app.extensions["stripe_gateway"] = Stripe(key, api_base="http://127.0.0.1:9", timeout=before.stripe_timeout)
    inbox.post("evt_1", account)
    inbox.work()
    assert_set_aside(inbox, "livemode is false, the configured key's is true")


def test_a_payout_of_the_platform_itself(inbox: Inbox) -> None:
    inbox.post("evt_1", None)
    inbox.work()
    assert inbox.state("evt_1") is InboxState.IGNORED
    [told] = inbox.told("WEBHOOK_NOT_OURS")
    assert "platform itself" in told.details["reason"]


def test_an_account_that_a_creator_had_still_counts_for_its_payouts(
    app: Flask, inbox: Inbox, factory: Factory, sandbox: Sandbox, deliver: Any
) -> None:
    acts = Acts(app, inbox.session)
    creator = factory.creator()
    sent = acts.request(creator).payout
    acts.approve(factory.admin(), sent.id)
    kept = inbox.session.get_one(Creator, creator.id, populate_existing=True)
    kept.stripe_account_id = "acct_new"
    inbox.session.commit()
    sandbox.settle(acts.payout(sent.id).stripe_payout_id or "", "paid")
    deliver()
    inbox.work()
    assert inbox.session.get_one(Payout, sent.id, populate_existing=True).status is PayoutStatus.PAID
