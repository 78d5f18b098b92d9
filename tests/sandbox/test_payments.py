"""Payments, refunds, transfers and disputes: the money and the events."""

from collections.abc import Callable
from typing import Any

import pytest
import requests
import stripe

from portal.stripe_sandbox import Sandbox

from .conftest import Clock, Served

Buy = Callable[..., stripe.PaymentIntent]


def types_of(sandbox: Sandbox) -> list[str]:
    return [event["type"] for event in sandbox.events() if not event["account"]]


def test_a_paid_intent_shares_the_money_out(
    buy: Buy, client: stripe.StripeClient, sandbox: Sandbox, creator: str
) -> None:
    intent = buy()
    assert (intent.status, intent.amount_received) == ("succeeded", 10_000)
    assert sandbox.balance(creator) == {"eur": (8500, 0)}
    assert sandbox.balance("") == {"eur": (1500 - 175, 0)}
    charge = client.v1.charges.retrieve(intent.latest_charge, {"expand": ["transfer", "balance_transaction"]})
    assert charge.transfer.destination == creator
    assert (charge.balance_transaction.amount, charge.balance_transaction.fee) == (10_000, 175)
    assert charge.metadata["booking_id"] == "b1"
    assert types_of(sandbox) == [
        "payment_intent.created",
        "transfer.created",
        "charge.succeeded",
        "payment_intent.succeeded",
    ]
    listed = client.v1.transfers.list({"destination": creator}).data
    assert [transfer.source_transaction for transfer in listed] == [charge.id]


def test_an_ordinary_card_becomes_available_later(buy: Buy, sandbox: Sandbox, creator: str, clock: Clock) -> None:
    buy("pm_card_visa")
    assert sandbox.balance(creator) == {"eur": (0, 8500)}
    clock.move(seconds=20)
    assert sandbox.balance(creator) == {"eur": (8500, 0)}


@pytest.mark.parametrize(
    ("card", "code", "decline_code"),
    [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
    ],
)
def test_a_declined_card_leaves_the_intent_open(
    buy: Buy, client: stripe.StripeClient, sandbox: Sandbox, creator: str, card: str, code: str, decline_code: str
) -> None:
    with pytest.raises(stripe.CardError) as declined:
        buy(card)
    assert (declined.value.code, declined.value.error.decline_code) == (code, decline_code)
    intent = client.v1.payment_intents.retrieve(declined.value.error.payment_intent.id)
    assert intent.status == "requires_payment_method"
    assert intent.last_payment_error.decline_code == decline_code
    assert types_of(sandbox)[-1] == "payment_intent.payment_failed"
    paid = client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    assert paid.status == "succeeded"
    assert sandbox.balance(creator) == {"eur": (0, 8500)}


def test_a_payer_pays_with_the_client_secret(client: stripe.StripeClient, server: Served, creator: str) -> None:
    intent = client.v1.payment_intents.create({"amount": 500, "currency": "eur"})
    pay = f"{server.url}/_sandbox/pay"
    refused = requests.post(pay, json={"client_secret": f"{intent.id}_secret_wrong"}, timeout=5)
    assert refused.status_code == 404
    declined = requests.post(
        pay, json={"client_secret": intent.client_secret, "card": "4000000000000002"}, timeout=5
    ).json()
    assert declined["last_payment_error"]["decline_code"] == "generic_decline"
    page = requests.post(pay, {"client_secret": intent.client_secret, "card": "pm_card_visa"}, timeout=5)
    assert "Payment succeeded" in page.text
    assert client.v1.payment_intents.retrieve(intent.id).status == "succeeded"


def test_a_card_that_needs_authentication_waits_for_the_payer(buy: Buy, sandbox: Sandbox) -> None:
    intent = buy("pm_card_authenticationRequired")
    assert intent.status == "requires_action"
    assert sandbox.pay(intent.client_secret, "pm_card_authenticationRequired")["status"] == "succeeded"


def test_a_paid_intent_cannot_be_canceled_and_an_open_one_can(buy: Buy, client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.cancel(buy().id)
    assert refused.value.code == "payment_intent_unexpected_state"
    open_intent = client.v1.payment_intents.create({"amount": 500, "currency": "eur"})
    assert client.v1.payment_intents.cancel(open_intent.id).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.confirm(open_intent.id, {"payment_method": "pm_card_visa"})


@pytest.mark.parametrize(
    "params",
    [
        {"application_fee_amount": 10_001},
        {"transfer_data": {"destination": "acct_unknown"}},
        {"payment_method": "pm_card_unknown"},
        {"customer": "cus_unknown"},
        {"amount": 0},
        {"amount": 49, "application_fee_amount": 0},
        {"application_fee_amount": -1},
        {"application_fee_amount": None, "transfer_data": None, "capture_method": "manual"},
        {"transfer_data": {"destination": "acct_unknown", "foo": 1}},
    ],
)
def test_a_bad_intent_is_refused_and_leaves_nothing(buy: Buy, sandbox: Sandbox, params: dict[str, Any]) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        buy(**params)
    assert sandbox.events() == []
    assert sandbox.ledger()["balance_transactions"] == []


def test_an_account_that_is_not_ready_gets_no_transfer(buy: Buy, client: stripe.StripeClient) -> None:
    unready = client.v1.accounts.create({"type": "express", "country": "FR"}).id
    with pytest.raises(stripe.InvalidRequestError) as refused:
        buy(transfer_data={"destination": unready})
    assert refused.value.code == "insufficient_capabilities_for_transfer"


def test_a_fee_and_a_transfer_amount_exclude_each_other(
    buy: Buy, client: stripe.StripeClient, sandbox: Sandbox, creator: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        buy(transfer_data={"destination": creator, "amount": 8000})
    client.v1.payment_intents.create(
        {
            "amount": 10_000,
            "currency": "eur",
            "confirm": True,
            "payment_method": "pm_card_bypassPending",
            "transfer_data": {"destination": creator, "amount": 8000},
        }
    )
    assert sandbox.balance(creator) == {"eur": (8000, 0)}
    assert sandbox.balance("") == {"eur": (2000 - 175, 0)}
