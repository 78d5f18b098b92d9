"""Disputes and transfers: told once each, in whatever order Stripe's events come."""

from itertools import permutations
from typing import Any

import pytest

from portal.domain.errors import RefundRefused
from portal.models import Payment, User
from portal.models import TransactionEventType as T
from portal.stripe_sandbox.sandbox import Sandbox
from tests.domain.acts import Acts
from tests.sales import Sales

OPENED = ["DISPUTE_OPENED", "DISPUTE_FUNDS_WITHDRAWN"]


def told(acts: Acts) -> list[str]:
    return [type_ for type_ in acts.types() if type_.startswith("DISPUTE")]


def entered(sales: Sales, word: str = "DISPUTE") -> list[T]:
    return [row.event_type for row in sales.money() if word in row.event_type]


@pytest.fixture
def disputed(sales: Sales, paid: Payment, sandbox: Sandbox, deliver: Any, process: Any) -> dict[str, Any]:
    """A dispute that the portal has heard of."""
    dispute = sandbox.open_dispute(sales.charge(paid))
    deliver()
    process()
    return dispute


def test_an_opened_dispute_is_kept_with_its_due_date_and_told_in_both_books(
    acts: Acts, sales: Sales, paid: Payment, disputed: dict[str, Any]
) -> None:
    dispute = sales.dispute()
    assert (dispute.payment_id, dispute.status, dispute.amount_minor) == (paid.id, "needs_response", 10_000)
    assert (dispute.withdrawn_minor, dispute.closed_at) == (10_000, None)
    assert dispute.evidence_due_at is not None
    assert told(acts) == OPENED
    assert entered(sales) == [T.DISPUTE_CREATED, T.DISPUTE_UPDATED]
    facts = acts.last("DISPUTE_OPENED").details
    assert (facts["stripeDisputeId"], facts["paymentId"]) == (disputed["id"], str(paid.id))
    assert facts["reason"] == "fraudulent"


def test_a_won_dispute_gives_the_funds_back(
    acts: Acts, sales: Sales, sandbox: Sandbox, disputed: dict[str, Any], deliver: Any, process: Any
) -> None:
    sandbox.decide_dispute(disputed["id"], "won")
    deliver(copies=3, order="reversed")
    process()
    dispute = sales.dispute()
    assert (dispute.status, dispute.withdrawn_minor) == ("won", 0)
    assert dispute.closed_at is not None
    assert told(acts) == [*OPENED, "DISPUTE_FUNDS_REINSTATED", "DISPUTE_CLOSED"]
    assert acts.last("DISPUTE_CLOSED").message == "Litige clos : won"


def test_evidence_moves_a_dispute_and_is_told(
    acts: Acts, sales: Sales, disputed: dict[str, Any], deliver: Any, process: Any
) -> None:
    sales._stripe.disputes.update(disputed["id"], {"evidence": {"customer_name": "Zoé"}, "submit": True})
    deliver()
    process()
    facts = acts.last("DISPUTE_UPDATED").details
    assert (facts["previousStatus"], facts["newStatus"]) == ("needs_response", "under_review")


@pytest.mark.parametrize("order", list(permutations(range(4))), ids=str)
def test_any_order_of_a_lost_disputes_events_ends_alike(
    acts: Acts, sales: Sales, paid: Payment, sandbox: Sandbox, deliver: Any, process: Any, order: tuple[int, ...]
) -> None:
    dispute = sandbox.open_dispute(sales.charge(paid))
    sales._stripe.disputes.update(dispute["id"], {"evidence": {"uncategorized_text": "losing_evidence"}})
    ids = [event["id"] for event in sandbox.events() if event["type"].startswith("charge.dispute")]
    assert len(ids) == 4
    for place in order:
        deliver(events=[ids[place]], copies=2)
        process()
    assert (sales.dispute().status, sales.dispute().withdrawn_minor) == ("lost", 10_000)
    assert told(acts) == [*OPENED, "DISPUTE_CLOSED"]
    assert entered(sales) == [T.DISPUTE_CREATED, T.DISPUTE_UPDATED, T.DISPUTE_CLOSED]


@pytest.mark.parametrize(("outcome", "refundable"), [(None, False), ("lost", False), ("won", True)])
def test_a_disputed_payment_is_refunded_only_when_it_was_won(
    acts: Acts, sales: Sales, admin: User, paid: Payment, sandbox: Sandbox, disputed: dict[str, Any],
    deliver: Any, process: Any, outcome: str | None, refundable: bool,
) -> None:  # fmt: skip
    if outcome:
        sandbox.decide_dispute(disputed["id"], outcome)
    deliver()
    process()
    if refundable:
        assert sales.ask_back(paid, admin).amount_minor == 10_000
        return
    with pytest.raises(RefundRefused):
        sales.ask_back(paid, admin)
    assert acts.last("REFUND_VALIDATION_ERROR").details["error"] == "payment_disputed"


@pytest.mark.parametrize("status", ["warning_needs_response", "warning_under_review", "warning_closed"])
def test_an_inquiry_stops_no_refund(
    sales: Sales, admin: User, paid: Payment, disputed: dict[str, Any], status: str
) -> None:
    sales.dispute().status = status
    sales.session.commit()
    assert sales.ask_back(paid, admin).amount_minor == 10_000


def test_a_transfer_and_its_reversals_are_told_once_each(
    acts: Acts, sales: Sales, admin: User, paid: Payment, deliver: Any, process: Any
) -> None:
    for amount in (None, "30", "20"):
        if amount:
            sales.give_back(paid, admin, amount)
        deliver(copies=2)
        process()
    [transfer] = sales.transfers()
    assert (transfer.payment_id, transfer.amount_minor, transfer.reversed_minor) == (paid.id, 10_000, 5_000)
    assert acts.types().count("TRANSFER_CREATED") == 1
    rows = [t for t in acts.types() if t == "TRANSFER_REVERSED"]
    assert len(rows) == 2
    assert acts.last("TRANSFER_REVERSED").details["reversedInAll"] == 50.0
    assert entered(sales, "TRANSFER") == [T.TRANSFER_CREATED]


def test_late_transfer_events_after_a_reversal_change_nothing(
    acts: Acts, sales: Sales, admin: User, paid: Payment, sandbox: Sandbox, deliver: Any, process: Any
) -> None:
    sales.give_back(paid, admin)
    ids = [event["id"] for event in sandbox.events() if event["type"].startswith("transfer")]
    deliver(events=ids, order="reversed", copies=2)
    process()
    assert sales.transfers()[0].reversed_minor == 10_000
    assert acts.types().count("TRANSFER_REVERSED") == 1
