"""What a payout is refused for, as Stripe refuses it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import stripe

from portal.stripe_sandbox import Sandbox, SandboxSettings
from portal.stripe_sandbox.server import RunningSandbox

from .conftest import Served

PayOut = Callable[..., stripe.Payout]


@pytest.fixture(scope="module")
def one_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningSandbox, str]]:
    """One sandbox for all the requests that leave nothing behind."""
    settings = SandboxSettings(tmp_path_factory.mktemp("refusals") / "stripe.db")
    with RunningSandbox(settings, worker=False) as running:
        account = running.sandbox.create_account()["id"]
        running.sandbox.fund(account, 100_000)
        yield running, account


def refusal(pay_out: PayOut, *args: Any, **params: Any) -> stripe.InvalidRequestError:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        pay_out(*args, **params)
    assert refused.value.http_status == 400
    assert refused.value.error.type == "invalid_request_error"
    return refused.value


def test_a_short_balance_is_refused(pay_out: PayOut, sandbox: Sandbox) -> None:
    error = refusal(pay_out, 100_001)
    assert error.code == "balance_insufficient"
    assert "insufficient funds" in str(error)
    assert sandbox.ledger()["payouts"] == []


def test_the_whole_balance_can_be_paid_out_once(pay_out: PayOut) -> None:
    pay_out(100_000)
    assert refusal(pay_out, 1).code == "balance_insufficient"


def test_pending_money_cannot_be_paid_out(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    account = sandbox.create_account()["id"]
    client.v1.payment_intents.create(
        {
            "amount": 5000,
            "currency": "eur",
            "confirm": True,
            "payment_method": "pm_card_visa",
            "transfer_data": {"destination": account},
        }
    )
    assert sandbox.balance(account) == {"eur": (0, 5000)}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payouts.create({"amount": 1, "currency": "eur"}, {"stripe_account": account})
    assert refused.value.code == "balance_insufficient"


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"amount": 0}, "parameter_invalid_integer", "amount"),
        ({"amount": -5}, "parameter_invalid_integer", "amount"),
        ({"amount": "12,34"}, "parameter_invalid_integer", "amount"),
        ({"amount": "12.5"}, "parameter_invalid_integer", "amount"),
        ({"amount": "NaN"}, "parameter_invalid_integer", "amount"),
        ({"amount": "1e3"}, "parameter_invalid_integer", "amount"),
        ({"amount": "１２"}, "parameter_invalid_integer", "amount"),
        ({"amount": "1_000"}, "parameter_invalid_integer", "amount"),
        ({"amount": ""}, "parameter_invalid_empty", "amount"),
        ({"amount": 10**18}, "parameter_invalid_integer", "amount"),
        ({"amount": 10**17}, "amount_too_large", "amount"),
        ({"currency": "EUR"}, None, "currency"),
        ({"currency": "xyz"}, None, "currency"),
        ({"currency": ""}, "parameter_invalid_empty", "currency"),
        ({"method": "fast"}, None, "method"),
        ({"method": "instant"}, "instant_payouts_unsupported", "method"),
        ({"statement_descriptor": "x" * 23}, None, "statement_descriptor"),
        ({"destination": "ba_unknown"}, "resource_missing", "destination"),
        ({"foo": "bar"}, "parameter_unknown", "foo"),
        ({"amount": {"value": 3}}, None, "amount"),
        ({"metadata": {"k" * 41: "v"}}, None, "metadata"),
        ({"metadata": {"k": "v" * 501}}, None, "metadata[k]"),
        ({"metadata": {str(n): "v" for n in range(51)}}, None, "metadata"),
        ({"metadata": "text"}, None, "metadata"),
    ],
)
def test_a_bad_parameter_is_refused(
    one_server: tuple[RunningSandbox, str], params: dict[str, Any], code: str | None, param: str
) -> None:
    server, account = one_server
    # by hand: the SDK would not send some of these
    fields: dict[str, str] = {}
    for name, value in {"amount": "100", "currency": "eur", **params}.items():
        if isinstance(value, dict):
            fields.update({f"{name}[{key}]": item for key, item in value.items()})
        else:
            fields[name] = str(value)
    answer = requests.post(
        f"{server.url}/v1/payouts",
        fields,
        auth=("sk_test_sandbox", ""),
        headers={"Stripe-Account": account},
        timeout=5,
    )
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error.get("code"), error["param"]) == (code, param)
    assert server.sandbox.ledger()["payouts"] == []


@pytest.mark.parametrize("missing", ["amount", "currency"])
def test_a_missing_parameter_is_refused(client: stripe.StripeClient, account: str, missing: str) -> None:
    params = {"amount": 100, "currency": "eur"}
    del params[missing]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payouts.create(params, {"stripe_account": account})  # type: ignore[arg-type]
    assert (refused.value.code, refused.value.param) == ("parameter_missing", missing)


@pytest.mark.parametrize("currency", ["huf", "twd", "isk", "ugx"])
def test_whole_units_are_required_for_some_currencies(
    sandbox: Sandbox, client: stripe.StripeClient, currency: str
) -> None:
    account = sandbox.create_account(currency=currency)["id"]
    sandbox.fund(account, 100_000, currency)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payouts.create({"amount": 150, "currency": currency}, {"stripe_account": account})
    assert refused.value.param == "amount"
    client.v1.payouts.create({"amount": 200, "currency": currency}, {"stripe_account": account})


def test_a_disabled_account_is_refused(pay_out: PayOut, sandbox: Sandbox, account: str) -> None:
    sandbox.change_account(account, payouts_enabled=False)
    assert refusal(pay_out).code == "payouts_not_allowed"


def test_an_account_without_a_bank_account_is_refused(pay_out: PayOut, sandbox: Sandbox, account: str) -> None:
    sandbox.change_account(account, bank_removed=True)
    error = refusal(pay_out)
    assert error.code == "no_account"
    assert "external accounts in that currency (eur)" in str(error)


def test_a_currency_without_a_bank_account_is_refused(
    client: stripe.StripeClient, sandbox: Sandbox, account: str
) -> None:
    sandbox.fund(account, 5000, "usd")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payouts.create({"amount": 1, "currency": "usd"}, {"stripe_account": account})
    assert refused.value.code == "no_account"


def test_a_second_bank_account_takes_a_second_currency(
    client: stripe.StripeClient, sandbox: Sandbox, account: str
) -> None:
    sandbox.fund(account, 5000, "usd")
    sandbox.change_account(account, bank_added={"currency": "usd", "country": "US", "last4": "6789"})
    created = client.v1.payouts.create({"amount": 5000, "currency": "usd"}, {"stripe_account": account})
    assert created.currency == "usd"
    assert sandbox.balance(account) == {"eur": (100_000, 0), "usd": (0, 0)}


def test_an_errored_bank_account_is_refused(pay_out: PayOut, sandbox: Sandbox, account: str) -> None:
    sandbox.change_account(account, bank_status="errored")
    assert refusal(pay_out).code == "bank_account_unusable"
    sandbox.change_account(account, bank_status="verified")
    assert pay_out().status == "pending"


def test_a_deauthorised_account_is_out_of_reach(
    pay_out: PayOut, client: stripe.StripeClient, sandbox: Sandbox, account: str
) -> None:
    sandbox.change_account(account, deauthorized=True)
    with pytest.raises(stripe.PermissionError) as refused:
        pay_out()
    assert (refused.value.http_status, refused.value.error.code) == (403, "account_invalid")
    with pytest.raises(stripe.PermissionError):
        client.v1.accounts.retrieve(account)
    assert sandbox.events()[-1]["type"] == "account.application.deauthorized"


def test_an_unknown_account_is_a_403(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.PermissionError) as refused:
        client.v1.payouts.list({}, {"stripe_account": "acct_unknown"})
    assert refused.value.error.code == "account_invalid"


def test_another_secret_key_is_a_401(server: Served, connect_to: Callable[..., stripe.StripeClient]) -> None:
    with pytest.raises(stripe.AuthenticationError) as refused:
        connect_to(server.url, "sk_test_other").v1.balance.retrieve()
    assert (refused.value.http_status, refused.value.error.code) == (401, "invalid_api_key")
    assert requests.get(f"{server.url}/v1/balance", timeout=5).status_code == 401
    assert requests.get(f"{server.url}/_sandbox/ledger", timeout=5).status_code == 401


def test_an_invalid_version_is_refused(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="Invalid Stripe API version"):
        client.v1.balance.retrieve(options={"stripe_version": "latest"})


def test_an_unknown_address_is_a_404(server: Served) -> None:
    answer = requests.get(f"{server.url}/v1/nothing", auth=("sk_test_sandbox", ""), timeout=5)
    assert answer.status_code == 404
    assert answer.json()["error"]["message"].startswith("Unrecognized request URL (GET: /v1/nothing)")
    assert answer.headers["Request-Id"].startswith("req_")


@pytest.mark.parametrize("limit", [0, 101])
def test_a_page_holds_one_to_a_hundred(client: stripe.StripeClient, limit: int) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payouts.list({"limit": limit})
    assert refused.value.param == "limit"
