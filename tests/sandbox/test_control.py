"""The control surface does over HTTP what the handle does in Python."""

from collections.abc import Callable
from typing import Any

import pytest
import requests
import stripe

from portal.stripe_sandbox import Sandbox

from .conftest import Clock, Served

Control = Callable[..., Any]


@pytest.fixture
def control(server: Served) -> Control:
    def call(method: str, path: str, body: dict[str, Any] | None = None, *, status: int = 200) -> Any:
        answer = requests.request(
            method,
            f"{server.url}/_sandbox{path}",
            json=body,
            headers={"Authorization": "Bearer sk_test_sandbox"},
            timeout=5,
        )
        assert answer.status_code == status, answer.text
        return answer.json()

    return call


def test_a_whole_story_can_be_driven_over_http(
    control: Control, client: stripe.StripeClient, clock: Clock
) -> None:
    account = control("POST", "/accounts", {"country": "FR", "currency": "eur", "last4": "3000"})["id"]
    control("POST", "/fund", {"account": account, "amount": 5000, "currency": "eur"})
    on_account: stripe.RequestOptions = {"stripe_account": account}
    slow = client.v1.payouts.create({"amount": 1000, "currency": "eur"}, on_account)
    returned = client.v1.payouts.create({"amount": 2000, "currency": "eur"}, on_account)
    settled = control("POST", f"/payouts/{returned.id}/settle", {"outcome": "failed", "failure_code": "declined"})
    assert (settled["status"], settled["failure_code"]) == ("failed", "declined")
    clock.move(seconds=25)
    assert control("POST", "/advance") == {"steps": 2}
    ledger = control("GET", "/ledger")
    assert {row["id"]: row["status"] for row in ledger["payouts"]} == {slow.id: "paid", returned.id: "failed"}
    assert {row["account"] for row in ledger["balance_transactions"]} == {account}
    assert control("GET", f"/ledger?account={account}") == ledger
    assert control("GET", "/ledger?account=acct_other") == {"payouts": [], "balance_transactions": []}
    assert len(control("GET", "/deliveries")["deliveries"]) == len(control("GET", "/events")["events"]) == 7
    assert control("POST", "/deliver", {}) == {"attempts": []}
    assert control("POST", "/prune-keys", {})["pruned"] >= 2


def test_accounts_and_faults_can_be_changed(control: Control, client: stripe.StripeClient) -> None:
    account = control("POST", "/accounts", {})["id"]
    changed = control("POST", f"/accounts/{account}", {"payouts_enabled": False, "interval": "weekly"})
    assert changed["settings"]["payouts"]["schedule"]["interval"] == "weekly"
    assert control("POST", f"/accounts/{account}/finish-onboarding")["payouts_enabled"]
    control("POST", "/faults", {"kind": "rate_limited", "path": "/v1/balance"})
    with pytest.raises(stripe.RateLimitError):
        client.v1.balance.retrieve()
    assert control("GET", "/faults")["faults"][0]["hits"] == 1
    assert control("DELETE", "/faults") == {"faults": []}


def test_a_change_refused_halfway_changes_nothing(
    control: Control, client: stripe.StripeClient, account: str
) -> None:
    change = {"payouts_enabled": False, "bank_added": {"currency": "usd", "colour": "red"}}
    control("POST", f"/accounts/{account}", change, status=400)
    assert client.v1.accounts.retrieve(account).payouts_enabled


def test_a_charge_can_be_disputed_and_a_refund_sent_back(control: Control, client: stripe.StripeClient) -> None:
    intent = client.v1.payment_intents.create(
        {"amount": 500, "currency": "eur", "confirm": True, "payment_method": "pm_card_visa"}
    )
    refund = client.v1.refunds.create({"payment_intent": intent.id, "amount": 100})
    assert control("POST", f"/refunds/{refund.id}/fail", {"reason": "lost_or_stolen_card"})["status"] == "failed"
    dispute = control("POST", "/disputes", {"charge": intent.latest_charge, "reason": "product_not_received"})
    assert control("POST", f"/disputes/{dispute['id']}/decide", {"outcome": "won"})["status"] == "won"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/payouts/po_unknown/settle", {}, 404),
        ("/accounts/acct_unknown", {}, 404),
        ("/fund", {}, 400),
        ("/fund", {"account": "acct_unknown", "amount": 1}, 404),
        ("/fund", {"account": "", "amount": 1, "currency": "doubloon"}, 400),
        ("/deliver", {"order": "sideways"}, 400),
        ("/deliver", {"events": ["evt_unknown"]}, 404),
        ("/faults", {"kind": "earthquake"}, 400),
        ("/faults", {"kind": "server_error", "colour": "red"}, 400),
        ("/disputes", {"charge": "ch_unknown"}, 400),
        ("/bulk", {"objects": [{"object": "unicorn", "id": "u_1"}]}, 400),
    ],
)
def test_a_verb_that_makes_no_sense_is_refused(
    control: Control, path: str, body: dict[str, Any], status: int
) -> None:
    assert "error" in control("POST", path, body, status=status)


def test_history_can_be_loaded_at_once_without_events(
    control: Control, client: stripe.StripeClient, sandbox: Sandbox
) -> None:
    account = {"object": "account", "id": "acct_history", "created": 1_700_000_000}
    bank = {"object": "bank_account", "id": "ba_history", "account": "acct_history"}
    money = {
        "object": "balance_transaction",
        "id": "txn_1",
        "account": "acct_history",
        "amount": 900,
        "currency": "eur",
    }
    payouts = [
        {
            "object": "payout",
            "id": f"po_history{n}",
            "account": "acct_history",
            "amount": 100 + n,
            "currency": "eur",
            "created": 1_700_000_000 + n,
            "destination": "ba_history",
            "metadata": {"payout_id": str(n)},
        }
        for n in range(500)
    ]
    others = [
        {"object": kind, "id": f"{kind}_1", "amount": 100, "currency": "eur"}
        for kind in ("payment_intent", "charge", "refund", "dispute", "transfer")
    ]
    assert control("POST", "/bulk", {"objects": [account, bank, money, *payouts, *others]}) == {"loaded": 508}
    on_account: stripe.RequestOptions = {"stripe_account": "acct_history"}
    page = client.v1.payouts.list({"limit": 100}, on_account)
    assert (page.data[0].id, page.has_more) == ("po_history499", True)
    assert client.v1.balance.retrieve(options=on_account).available[0].amount == 900
    assert client.v1.payouts.create({"amount": 900, "currency": "eur"}, on_account).destination == "ba_history"
    assert client.v1.charges.retrieve("charge_1").paid
    assert [event["type"] for event in sandbox.events()] == ["payout.created"]


def test_the_front_page_says_what_this_is(server: Served) -> None:
    page = requests.get(server.url, timeout=5)
    assert page.status_code == 200
    assert "No money moves here" in page.text
