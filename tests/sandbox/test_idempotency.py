"""Idempotency keys: replayed, refused, expired."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event, Thread

import pytest
import requests
import stripe

from portal.stripe_sandbox import FaultKind, Sandbox

from .conftest import Clock, Served

PayOut = Callable[..., stripe.Payout]


def payouts(sandbox: Sandbox) -> int:
    return len(sandbox.ledger()["payouts"])


def test_a_replayed_key_returns_the_first_answer(pay_out: PayOut, sandbox: Sandbox) -> None:
    first = pay_out(1500, key="cs-po:1:1")
    sandbox.settle(first.id, "paid")
    again = pay_out(1500, key="cs-po:1:1")
    assert (again.id, again.status) == (first.id, "pending")
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert again.last_response.headers["Original-Request"] == first.last_response.request_id
    assert again.last_response.request_id != first.last_response.request_id
    assert payouts(sandbox) == 1


def test_a_key_with_other_parameters_is_refused(pay_out: PayOut, sandbox: Sandbox) -> None:
    pay_out(1500, key="k")
    with pytest.raises(stripe.IdempotencyError) as refused:
        pay_out(1501, key="k")
    assert (refused.value.http_status, refused.value.error.type) == (400, "idempotency_error")
    assert "same parameters" in str(refused.value)
    assert payouts(sandbox) == 1


def test_a_key_for_another_endpoint_is_refused(pay_out: PayOut, client: stripe.StripeClient, account: str) -> None:
    id_ = pay_out(1500, key="k").id
    with pytest.raises(stripe.IdempotencyError, match="same endpoint"):
        client.v1.payouts.cancel(id_, options={"stripe_account": account, "idempotency_key": "k"})


def test_a_key_is_one_accounts_own(pay_out: PayOut, client: stripe.StripeClient, sandbox: Sandbox) -> None:
    pay_out(1500, key="k")
    other = sandbox.create_account()["id"]
    sandbox.fund(other, 9000)
    client.v1.payouts.create(
        {"amount": 1600, "currency": "eur"}, {"stripe_account": other, "idempotency_key": "k"}
    )
    assert payouts(sandbox) == 2


def test_a_refusal_of_an_executed_request_is_replayed(pay_out: PayOut, sandbox: Sandbox, account: str) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        pay_out(200_000, key="k")
    sandbox.fund(account, 900_000)
    with pytest.raises(stripe.InvalidRequestError) as replayed:
        pay_out(200_000, key="k")
    assert replayed.value.code == "balance_insufficient"
    assert replayed.value.headers["Idempotent-Replayed"] == "true"
    assert pay_out(200_000, key="k2").amount == 200_000


def test_a_declined_card_is_replayed(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            client.v1.payment_intents.create(
                {"amount": 500, "currency": "eur", "confirm": True, "payment_method": "pm_card_chargeDeclined"},
                {"idempotency_key": "k"},
            )
    assert [event["type"] for event in sandbox.events()].count("charge.failed") == 1


def test_a_failed_validation_is_not_saved(pay_out: PayOut) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        pay_out(1500, key="k", foo="bar")
    assert pay_out(1500, key="k").amount == 1500


@pytest.mark.parametrize(
    "kind", [FaultKind.UNAUTHORIZED, FaultKind.KEY_IN_USE, FaultKind.RATE_LIMITED, FaultKind.SERVER_ERROR]
)
def test_an_answer_before_execution_is_not_saved(pay_out: PayOut, sandbox: Sandbox, kind: FaultKind) -> None:
    sandbox.faults.add(kind)
    with pytest.raises(stripe.StripeError):
        pay_out(1500, key="k")
    assert pay_out(1500, key="k").amount == 1500
    assert payouts(sandbox) == 1


def test_a_key_in_flight_is_a_409(pay_out: PayOut, sandbox: Sandbox) -> None:
    sandbox.faults.add(FaultKind.DELAY_BEFORE, seconds=0.6)
    started = Event()

    def slowly() -> None:
        started.set()
        pay_out(1500, key="k")

    slow = Thread(target=slowly)
    slow.start()
    started.wait()
    while not sandbox.faults.list()[0]["hits"]:
        started.wait(0.01)
    with pytest.raises(stripe.APIError) as refused:
        pay_out(1500, key="k")
    assert (refused.value.http_status, refused.value.error.code) == (409, "idempotency_key_in_use")
    slow.join()
    assert pay_out(1500, key="k").last_response.headers["Idempotent-Replayed"] == "true"
    assert payouts(sandbox) == 1


def test_many_requests_under_one_key_make_one_payout(pay_out: PayOut, sandbox: Sandbox) -> None:
    def attempt(_: int) -> str:
        try:
            return pay_out(1500, key="k").id
        except stripe.APIError as error:
            return "" if error.http_status == 409 else f"HTTP {error.http_status}"

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(attempt, range(16))) - {""}
    assert len(ids) == 1
    assert payouts(sandbox) == 1


def test_a_key_is_forgotten_after_a_day(pay_out: PayOut, sandbox: Sandbox, clock: Clock) -> None:
    first = pay_out(1500, key="k")
    clock.move(hours=23, minutes=59)
    assert pay_out(1500, key="k").id == first.id
    clock.move(minutes=1)
    assert pay_out(1500, key="k").id != first.id
    assert payouts(sandbox) == 2


def test_keys_can_be_pruned_on_demand(pay_out: PayOut, sandbox: Sandbox, clock: Clock) -> None:
    first = pay_out(1500, key="k")
    assert sandbox.prune_keys(timedelta(hours=1)) == 0
    clock.move(hours=2)
    assert sandbox.prune_keys(timedelta(hours=1)) == 1
    assert pay_out(1500, key="k").id != first.id


def test_a_key_is_at_most_255_characters(server: Served, account: str) -> None:
    answer = requests.post(
        f"{server.url}/v1/payouts",
        {"amount": "1", "currency": "eur"},
        auth=("sk_test_sandbox", ""),
        headers={"Stripe-Account": account, "Idempotency-Key": "k" * 256},
        timeout=5,
    )
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "idempotency_error")
