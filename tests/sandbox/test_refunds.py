"""Refunds, disputes and reversals: money that goes back."""

from collections.abc import Callable
from typing import Any

import pytest
import stripe

from portal.stripe_sandbox import Sandbox

Buy = Callable[..., stripe.PaymentIntent]


def types_of(sandbox: Sandbox) -> list[str]:
    return [event["type"] for event in sandbox.events() if not event["account"]]


def test_a_full_refund_takes_everything_back(
    buy: Buy, client: stripe.StripeClient, sandbox: Sandbox, creator: str
) -> None:
    intent = buy()
    refund = client.v1.refunds.create(
        {
            "payment_intent": intent.id,
            "reverse_transfer": True,
            "refund_application_fee": True,
            "reason": "requested_by_customer",
            "metadata": {"refund_id": "r1"},
        }
    )
    assert (refund.status, refund.amount, refund.metadata["refund_id"]) == ("succeeded", 10_000, "r1")
    assert sandbox.balance(creator) == {"eur": (0, 0)}
    assert sandbox.balance("") == {"eur": (-175, 0)}
    charge = client.v1.charges.retrieve(intent.latest_charge)
    assert (charge.refunded, charge.amount_refunded) == (True, 10_000)
    assert types_of(sandbox)[-3:] == ["transfer.reversed", "refund.created", "charge.refunded"]
    transfer = client.v1.transfers.list().data[0]
    assert transfer.reversed
    assert client.v1.transfers.reversals.list(transfer.id).data[0].source_refund == refund.id


def test_refunds_never_exceed_what_is_left(buy: Buy, client: stripe.StripeClient, sandbox: Sandbox) -> None:
    charge: Any = buy().latest_charge
    client.v1.refunds.create({"charge": charge, "amount": 6000})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create({"charge": charge, "amount": 4001})
    assert refused.value.param == "amount"
    client.v1.refunds.create({"charge": charge})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create({"charge": charge, "amount": 1})
    assert refused.value.code == "charge_already_refunded"
    assert sum(refund.amount for refund in client.v1.refunds.list({"charge": charge}).data) == 10_000


def test_a_refund_without_reversal_costs_the_platform(
    buy: Buy, client: stripe.StripeClient, sandbox: Sandbox, creator: str
) -> None:
    client.v1.refunds.create({"payment_intent": buy().id, "amount": 1000})
    assert sandbox.balance(creator) == {"eur": (8500, 0)}
    assert sandbox.balance("") == {"eur": (1500 - 175 - 1000, 0)}


def test_a_refund_refused_halfway_leaves_nothing(buy: Buy, client: stripe.StripeClient, sandbox: Sandbox) -> None:
    intent = buy()
    client.v1.transfers.reversals.create(client.v1.transfers.list().data[0].id, {"amount": 9000})
    before = (sandbox.ledger(), len(sandbox.events()))
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.refunds.create({"payment_intent": intent.id, "reverse_transfer": True})
    assert client.v1.refunds.list().data == []
    assert (sandbox.ledger(), len(sandbox.events())) == before


def test_the_fee_alone_can_go_back_to_the_creator(
    buy: Buy, client: stripe.StripeClient, sandbox: Sandbox, creator: str
) -> None:
    client.v1.refunds.create({"payment_intent": buy().id, "amount": 5000, "refund_application_fee": True})
    assert sandbox.balance(creator) == {"eur": (8500 + 750, 0)}
    assert sandbox.balance("") == {"eur": (1325 - 5000 - 750, 0)}


def test_a_refund_can_fail_later(buy: Buy, client: stripe.StripeClient, sandbox: Sandbox) -> None:
    intent = buy()
    refund = client.v1.refunds.create({"payment_intent": intent.id, "amount": 1000})
    before = sandbox.balance("")["eur"][0]
    sandbox.fail_refund(refund.id)
    failed = client.v1.refunds.retrieve(refund.id)
    assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")
    assert sandbox.balance("")["eur"][0] == before + 1000
    assert "refund.failed" in types_of(sandbox)
    assert client.v1.charges.retrieve(intent.latest_charge).amount_refunded == 0  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "param", [{}, {"charge": "ch_x"}, {"payment_intent": "pi_x"}, {"charge": "a", "payment_intent": "b"}]
)
def test_a_refund_needs_one_known_payment(client: stripe.StripeClient, param: dict[str, str]) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.refunds.create(param)  # type: ignore[arg-type]


def test_a_refund_reason_is_one_of_stripes(buy: Buy, client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create({"payment_intent": buy().id, "reason": "whim"})
    assert refused.value.param == "reason"


@pytest.mark.parametrize(("outcome", "platform"), [("won", 1325), ("lost", 1325 - 12_000)])
def test_a_dispute_withdraws_and_perhaps_reinstates(
    buy: Buy, client: stripe.StripeClient, sandbox: Sandbox, outcome: str, platform: int
) -> None:
    charge: Any = buy().latest_charge
    dispute = sandbox.open_dispute(charge)
    assert sandbox.balance("")["eur"][0] == 1325 - 12_000
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create({"charge": charge})
    assert refused.value.code == "charge_disputed"
    text = "winning_evidence" if outcome == "won" else "losing_evidence"
    decided = client.v1.disputes.update(dispute["id"], {"evidence": {"uncategorized_text": text}})
    assert decided.status == outcome
    assert sandbox.balance("")["eur"][0] == platform
    closing = ["charge.dispute.updated", "charge.dispute.closed"]
    closing += ["charge.dispute.funds_reinstated"] if outcome == "won" else []
    assert types_of(sandbox)[-len(closing) :] == closing
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.disputes.close(dispute["id"])


def test_closing_a_dispute_accepts_the_loss(buy: Buy, client: stripe.StripeClient, sandbox: Sandbox) -> None:
    buy("pm_card_createDispute")
    dispute = client.v1.disputes.list().data[0]
    assert dispute.status == "needs_response"
    assert client.v1.disputes.close(dispute.id).status == "lost"
    assert types_of(sandbox)[-3:] == [
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.closed",
    ]


def test_a_transfer_can_be_reversed_and_annotated(
    buy: Buy, client: stripe.StripeClient, sandbox: Sandbox, creator: str
) -> None:
    buy()
    transfer = client.v1.transfers.list().data[0]
    client.v1.transfers.reversals.create(transfer.id, {"amount": 2000})
    client.v1.transfers.update(transfer.id, {"metadata": {"note": "x"}})
    assert sandbox.balance(creator) == {"eur": (6500, 0)}
    assert types_of(sandbox)[-2:] == ["transfer.reversed", "transfer.updated"]
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.transfers.reversals.create(transfer.id, {"amount": 8001})
