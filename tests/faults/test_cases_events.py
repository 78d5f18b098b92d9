"""Cases 16 to 20 of the payout specification: events late, twice, out of order, forged, or not ours."""

from itertools import permutations
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from portal.models import Creator, Payout, StripeEvent, User
from portal.models import PayoutStatus as S
from portal.stripe_sandbox.sandbox import Sandbox
from tests.domain.test_retry import mend
from tests.faults.acts import Verbs
from tests.faults.acts import outcome as outcome_of
from tests.faults.oracle import assert_books_agree
from tests.webhooks.test_receiving import CONNECT, PLATFORM, body, signature


@pytest.fixture
def sent(acts: Verbs, admin: User, requested: Payout) -> Payout:
    """A payout that Stripe has just created."""
    acts.approve(admin, requested.id)
    return acts.payout(requested.id)


def events_of(sandbox: Sandbox, payout: Payout) -> dict[str, str]:
    """Ids of Stripe's events about a payout, by type."""
    found = [e for e in sandbox.events() if e["data"]["object"]["id"] == payout.stripe_payout_id]
    return {event["type"]: event["id"] for event in found}


TYPES = ("payout.created", "payout.updated", "payout.paid", "payout.failed")


@pytest.mark.parametrize("order", list(permutations(TYPES)), ids=lambda order: "-".join(t[7:] for t in order))
def test_case_16_any_order_with_duplicates_ends_as_stripe_shows(
    acts: Verbs, sent: Payout, sandbox: Sandbox, deliver: Any, process: Any, order: tuple[str, ...]
) -> None:
    for outcome in ("in_transit", "paid", "failed"):
        sandbox.settle(sent.stripe_payout_id or "", outcome)
    ids = events_of(sandbox, sent)
    for type_ in order:
        deliver(events=[ids[type_]], copies=2)
        process()
    deliver(events=list(ids.values()), copies=2)
    process()
    assert_books_agree(acts.session, sandbox, sent, S.FAILED, rows=["PAYOUT_PROCESSING", "PAYOUT_FAILED"])
    assert acts.types().count("WEBHOOK_PROCESSING_SUCCESS") == len(ids)
    assert acts.types().count("PAYOUT_FAILED") == 1


def test_case_16_events_processed_twice_change_nothing_twice(
    acts: Verbs, sent: Payout, sandbox: Sandbox, deliver: Any, process: Any
) -> None:
    sandbox.settle(sent.stripe_payout_id or "", "paid")
    for _ in range(2):
        deliver(events=list(events_of(sandbox, sent).values()), copies=3, order="random", seed=16)
        process()
        acts.replay_events()
    process()
    assert_books_agree(acts.session, sandbox, sent, S.PAID, rows=["PAYOUT_PROCESSING", "PAYOUT_PAID"])
    assert acts.types().count("PAYOUT_PAID") == 1


def test_case_17_paid_then_a_late_update_stays_paid(
    acts: Verbs, sent: Payout, sandbox: Sandbox, deliver: Any, process: Any
) -> None:
    for outcome in ("in_transit", "paid"):
        sandbox.settle(sent.stripe_payout_id or "", outcome)
    ids = events_of(sandbox, sent)
    for type_ in ("payout.paid", "payout.updated", "payout.created"):
        deliver(events=[ids[type_]])
        process()
        assert_books_agree(acts.session, sandbox, sent, S.PAID)
    assert acts.types().count("PAYOUT_PAID") == 1


def test_case_17_paid_then_failed_is_returned_and_not_sent_again(
    acts: Verbs, sent: Payout, sandbox: Sandbox, deliver: Any, process: Any
) -> None:
    for outcome in ("paid", "failed"):
        sandbox.settle(sent.stripe_payout_id or "", outcome)
        deliver()
        process()
    rows = ["PAYOUT_PROCESSING", "PAYOUT_PAID", "PAYOUT_RETURNED"]
    with acts.counted_posts() as keys:
        acts.sweep("3 hours")
    assert keys == []
    assert_books_agree(acts.session, sandbox, sent, S.RETURNED, rows=rows)


def test_case_18_an_old_attempts_failure_after_a_newer_one_is_paid_changes_nothing(
    acts: Verbs, admin: User, sent: Payout, sandbox: Sandbox, deliver: Any, process: Any
) -> None:
    sandbox.settle(sent.stripe_payout_id or "", "failed", "could_not_process")
    late = events_of(sandbox, sent)
    deliver()
    process()
    mend(sandbox, sent)
    acts.age_attempts("16 minutes")
    acts.retry(admin, sent.id)
    second = acts.payout(sent.id).stripe_payout_id or ""
    sandbox.settle(second, "paid")
    deliver()
    process()
    acts.replay_events()
    deliver(events=list(late.values()), copies=2, order="reversed")
    process()
    rows = ["PAYOUT_FAILED", "PAYOUT_RETRY_AUTHORIZED", "PAYOUT_PROCESSING", "PAYOUT_PAID"]
    assert assert_books_agree(acts.session, sandbox, sent, S.PAID, rows=rows).stripe_payout_id == second
    assert [acts.types().count(t) for t in ("PAYOUT_FAILED", "PAYOUT_PAID", "PAYOUT_NEEDS_REVIEW")] == [1, 1, 0]


def paid_by(sandbox: Sandbox, payout: Payout) -> bytes:
    """An event that says the payout is paid, word for word as Stripe would write it."""
    [at_stripe] = [row for row in sandbox.ledger()["payouts"] if row["id"] == payout.stripe_payout_id]
    return body(account=payout.stripe_account_id, data={"object": {**at_stripe, "status": "paid"}})


BAD_SIGNATURES: dict[str, Any] = {
    "none": lambda payload: None,
    "empty": lambda payload: "",
    "nonsense": lambda payload: "nonsense",
    "no time": lambda payload: "v1=" + signature(payload).partition("v1=")[2],
    "another secret": lambda payload: signature(payload, "whsec_somebody_else"),
    "an empty secret": lambda payload: signature(payload, ""),
    "another body": lambda payload: signature(payload + b" "),
    "too old": lambda payload: signature(payload, at=-310),
    "from the future": lambda payload: signature(payload, at=310),
}


@pytest.mark.parametrize("path", [CONNECT, PLATFORM])
@pytest.mark.parametrize("name", BAD_SIGNATURES)
def test_case_19_a_bad_signature_is_refused_and_pays_nothing(
    acts: Verbs, app: Flask, sent: Payout, sandbox: Sandbox, process: Any, name: str, path: str
) -> None:
    payload = paid_by(sandbox, sent)
    header = BAD_SIGNATURES[name](payload)
    headers = {} if header is None else {"Stripe-Signature": header}
    assert app.test_client().post(path, data=payload, headers=headers).status_code == 400
    process()
    assert acts.session.scalars(select(StripeEvent)).all() == []
    assert_books_agree(acts.session, sandbox, sent, S.PROCESSING)


@pytest.mark.parametrize("payload", [b"", b"[]", b"null", b"{}", b'{"id": 5, "type": "payout.paid"}', b"\xff\xfe"])
def test_case_19_a_signed_body_that_is_no_event_is_refused(
    acts: Verbs, app: Flask, sent: Payout, sandbox: Sandbox, process: Any, payload: bytes
) -> None:
    headers = {"Stripe-Signature": signature(payload)}
    assert app.test_client().post(CONNECT, data=payload, headers=headers).status_code == 400
    process()
    assert_books_agree(acts.session, sandbox, sent, S.PROCESSING)


def test_case_19_a_signed_event_that_lies_pays_nothing(
    acts: Verbs, app: Flask, sent: Payout, sandbox: Sandbox, process: Any
) -> None:
    payload = paid_by(sandbox, sent)
    headers = {"Stripe-Signature": signature(payload)}
    assert app.test_client().post(CONNECT, data=payload, headers=headers).status_code == 200
    process()
    assert_books_agree(acts.session, sandbox, sent, S.PROCESSING)
    assert "PAYOUT_PAID" not in acts.types()


def test_case_20_a_payout_that_is_not_ours_is_reported_and_touches_none_of_ours(
    acts: Verbs, admin: User, sent: Payout, sandbox: Sandbox, deliver: Any, process: Any
) -> None:
    acts.gateway.create_payout(sent.stripe_account_id, {"amount": 500, "currency": "eur"}, "made-by-hand")
    foreign = sandbox.ledger()["payouts"][-1]["id"]
    sandbox.settle(foreign, "paid")
    deliver()
    process()
    assert acts.last("STRIPE_PAYOUT_UNMATCHED").details["stripePayoutId"] == foreign
    assert_books_agree(acts.session, sandbox, sent, S.PROCESSING)


def test_case_20_a_payout_on_another_account_that_names_ours_is_not_believed(
    acts: Verbs, factory: Any, sent: Payout, sandbox: Sandbox, deliver: Any, process: Any
) -> None:
    other: Creator = factory.creator()
    [attempt] = acts.attempts(sent.id)
    acts.gateway.create_payout(other.stripe_account_id or "", attempt.params, "made-by-hand")
    forged = sandbox.ledger()["payouts"][-1]["id"]
    sandbox.settle(forged, "failed")
    deliver()
    process()
    facts = acts.last("STRIPE_PAYOUT_UNMATCHED").details
    assert (facts["stripePayoutId"], facts["creatorId"]) == (forged, str(other.id))
    assert acts.payout(sent.id).stripe_payout_id == sent.stripe_payout_id
    assert acts.payout(sent.id).status is S.PROCESSING


def test_a_second_stripe_id_for_one_payout_calls_a_human_and_stops_the_creator(
    acts: Verbs, admin: User, creator: Creator, sent: Payout, sandbox: Sandbox, deliver: Any, process: Any
) -> None:
    """Crash point C7: what should never happen is told once, loudly, and nothing more is paid meanwhile."""
    [attempt] = acts.attempts(sent.id)
    acts.gateway.create_payout(sent.stripe_account_id, attempt.params, "not-our-key")
    for _ in range(2):
        deliver(copies=2)
        process()
        acts.replay_events()
    assert acts.payout(sent.id).status is S.PROCESSING
    facts = acts.last("PAYOUT_NEEDS_REVIEW").details
    assert facts["knownStripePayoutId"] == sent.stripe_payout_id != facts["stripePayoutId"]
    assert acts.types().count("CREATOR_PAYOUT_BLOCKED") == 1
    assert acts.last("CREATOR_PAYOUT_BLOCKED").actor == "SYSTEM"
    assert outcome_of(lambda: acts.request(creator, "10")) == "PAYOUT_REQUEST_BLOCKED"
