"""Every fault, as the SDK sees it, and what it leaves in the books."""

import time
from collections.abc import Callable
from threading import Thread

import pytest
import stripe

from portal.stripe_sandbox import FaultKind, Sandbox

PayOut = Callable[..., stripe.Payout]
EXECUTED = {
    FaultKind.DROP_AFTER,
    FaultKind.DELAY_AFTER,
    FaultKind.DELAY_BEFORE,
    FaultKind.SERVER_ERROR_SAVED,
    FaultKind.SERVER_ERROR_UNSAVED,
    FaultKind.TRUNCATED_BODY,
    FaultKind.NOT_JSON,
}
SEEN: dict[FaultKind, tuple[type[stripe.StripeError], int | None, str | None]] = {
    FaultKind.BAD_REQUEST: (stripe.InvalidRequestError, 400, None),
    FaultKind.UNAUTHORIZED: (stripe.AuthenticationError, 401, "invalid_api_key"),
    FaultKind.CARD_DECLINED: (stripe.CardError, 402, "card_declined"),
    FaultKind.FORBIDDEN: (stripe.PermissionError, 403, "account_invalid"),
    FaultKind.NOT_FOUND: (stripe.InvalidRequestError, 404, "resource_missing"),
    FaultKind.KEY_IN_USE: (stripe.APIError, 409, "idempotency_key_in_use"),
    FaultKind.RATE_LIMITED: (stripe.RateLimitError, 429, "rate_limit"),
    FaultKind.SERVER_ERROR: (stripe.APIError, 500, None),
    FaultKind.BAD_GATEWAY: (stripe.APIError, 502, None),
    FaultKind.UNAVAILABLE: (stripe.APIError, 503, None),
    FaultKind.DROP_BEFORE: (stripe.APIConnectionError, None, None),
    FaultKind.DROP_AFTER: (stripe.APIConnectionError, None, None),
    FaultKind.SERVER_ERROR_SAVED: (stripe.APIError, 500, None),
    FaultKind.SERVER_ERROR_UNSAVED: (stripe.APIError, 500, None),
    FaultKind.SERVER_ERROR_SAVED_WITHOUT_EFFECT: (stripe.APIError, 500, None),
    FaultKind.TRUNCATED_BODY: (stripe.APIError, 200, None),
    FaultKind.NOT_JSON: (stripe.APIError, 200, None),
}


def payouts(sandbox: Sandbox) -> int:
    return len(sandbox.ledger()["payouts"])


def test_every_kind_is_tested() -> None:
    assert set(SEEN) | {FaultKind.DELAY_BEFORE, FaultKind.DELAY_AFTER} == set(FaultKind)


@pytest.mark.parametrize("kind", SEEN)
def test_a_fault_is_seen_as_the_right_error(
    pay_out: PayOut, sandbox: Sandbox, account: str, kind: FaultKind
) -> None:
    sandbox.faults.add(kind, method="POST", path="/v1/payouts", account=account)
    error, status, code = SEEN[kind]
    with pytest.raises(error) as seen:
        pay_out(key="k")
    assert type(seen.value) is error
    assert seen.value.http_status == status
    if code:
        assert seen.value.error.code == code
    assert payouts(sandbox) == (kind in EXECUTED)
    assert sandbox.balance(account)["eur"][0] == 100_000 - 1500 * (kind in EXECUTED)


@pytest.mark.parametrize("kind", [FaultKind.DROP_AFTER, FaultKind.TRUNCATED_BODY, FaultKind.NOT_JSON])
def test_a_lost_answer_is_replayed_under_its_key(pay_out: PayOut, sandbox: Sandbox, kind: FaultKind) -> None:
    sandbox.faults.add(kind)
    with pytest.raises(stripe.StripeError):
        pay_out(key="k")
    assert pay_out(key="k").id == sandbox.ledger()["payouts"][0]["id"]
    assert payouts(sandbox) == 1


@pytest.mark.parametrize(
    ("kind", "created"),
    [(FaultKind.SERVER_ERROR_SAVED, 1), (FaultKind.SERVER_ERROR_SAVED_WITHOUT_EFFECT, 0)],
)
def test_a_saved_500_is_replayed_whether_or_not_it_created(
    pay_out: PayOut, sandbox: Sandbox, kind: FaultKind, created: int
) -> None:
    sandbox.faults.add(kind)
    for _ in range(3):
        with pytest.raises(stripe.APIError) as seen:
            pay_out(key="k")
    assert seen.value.headers["Idempotent-Replayed"] == "true"
    assert payouts(sandbox) == created


def test_an_unsaved_500_that_created_pays_twice_when_sent_again(pay_out: PayOut, sandbox: Sandbox) -> None:
    sandbox.faults.add(FaultKind.SERVER_ERROR_UNSAVED)
    with pytest.raises(stripe.APIError):
        pay_out(key="k")
    pay_out(key="k")
    assert payouts(sandbox) == 2


@pytest.mark.parametrize("kind", [FaultKind.DELAY_BEFORE, FaultKind.DELAY_AFTER])
def test_a_delay_only_delays(pay_out: PayOut, sandbox: Sandbox, kind: FaultKind) -> None:
    sandbox.faults.add(kind, seconds=0.2)
    started = time.monotonic()
    assert pay_out().status == "pending"
    assert time.monotonic() - started >= 0.2


def test_a_delay_holds_nobody_else_up(pay_out: PayOut, client: stripe.StripeClient, sandbox: Sandbox) -> None:
    sandbox.faults.add(FaultKind.DELAY_AFTER, method="POST", seconds=0.8)
    slow = Thread(target=pay_out)
    slow.start()
    started = time.monotonic()
    client.v1.payouts.list()
    assert time.monotonic() - started < 0.7
    slow.join()


def test_a_rule_strikes_what_it_names_and_no_more(
    pay_out: PayOut, client: stripe.StripeClient, sandbox: Sandbox, account: str
) -> None:
    sandbox.faults.add(FaultKind.SERVER_ERROR, method="POST", path="/v1/payouts", account=account, skip=1, times=2)
    client.v1.payouts.list({}, {"stripe_account": account})
    pay_out()
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            pay_out()
    pay_out()
    assert sandbox.faults.list()[0]["hits"] == 2


def test_chance_is_repeatable_by_its_seed(pay_out: PayOut, sandbox: Sandbox) -> None:
    def walk() -> list[bool]:
        sandbox.faults.clear()
        sandbox.faults.add(FaultKind.SERVER_ERROR, times=None, probability=0.5, seed=7)
        outcomes = []
        for _ in range(12):
            try:
                pay_out(1)
                outcomes.append(True)
            except stripe.APIError:
                outcomes.append(False)
        return outcomes

    first = walk()
    assert set(first) == {True, False}
    assert walk() == first
