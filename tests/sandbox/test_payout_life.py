"""A payout from creation to the bank and, sometimes, back."""

from collections.abc import Callable

import pytest
import stripe

from portal.stripe_sandbox import Sandbox

from .conftest import Clock

PayOut = Callable[..., stripe.Payout]


def types_of(sandbox: Sandbox, account: str) -> list[str]:
    return [event["type"] for event in sandbox.events() if event["account"] == account]


def test_a_payout_debits_the_balance_when_it_is_created(
    pay_out: PayOut, client: stripe.StripeClient, account: str
) -> None:
    payout = pay_out(1500, metadata={"payout_id": "p1", "attempt_id": "a1"})
    assert payout.status == "pending"
    assert payout.automatic is False
    assert payout.livemode is False
    assert payout.metadata["attempt_id"] == "a1"
    assert payout.destination.startswith("ba_")
    balance = client.v1.balance.retrieve(options={"stripe_account": account})
    assert [(line.currency, line.amount) for line in balance.available] == [("eur", 98_500)]
    txn = client.v1.balance_transactions.retrieve(payout.balance_transaction, options={"stripe_account": account})
    assert (txn.type, txn.net, txn.source) == ("payout", -1500, payout.id)


def test_a_payout_settles_by_itself(
    pay_out: PayOut, client: stripe.StripeClient, sandbox: Sandbox, clock: Clock, account: str
) -> None:
    id_ = pay_out().id
    on_account: stripe.RequestOptions = {"stripe_account": account}
    assert sandbox.advance() == 0
    clock.move(seconds=11)
    sandbox.advance()
    assert client.v1.payouts.retrieve(id_, options=on_account).status == "in_transit"
    clock.move(seconds=10)
    sandbox.advance()
    assert client.v1.payouts.retrieve(id_, options=on_account).status == "paid"
    assert types_of(sandbox, account) == ["payout.created", "payout.updated", "payout.paid"]
    assert sandbox.advance() == 0


def test_a_long_sleep_takes_both_steps_at_once(pay_out: PayOut, sandbox: Sandbox, clock: Clock) -> None:
    pay_out()
    clock.move(days=2)
    assert sandbox.advance() == 2
    assert sandbox.ledger()["payouts"][0]["status"] == "paid"


@pytest.mark.parametrize(
    ("last4", "code"), [("1116", "no_account"), ("2227", "account_closed"), ("3335", "debit_not_authorized")]
)
def test_a_magic_bank_account_fails_at_settlement(
    sandbox: Sandbox, client: stripe.StripeClient, clock: Clock, last4: str, code: str
) -> None:
    account = sandbox.create_account(last4=last4)["id"]
    sandbox.fund(account, 5000)
    on_account: stripe.RequestOptions = {"stripe_account": account}
    payout = client.v1.payouts.create({"amount": 5000, "currency": "eur"}, on_account)
    clock.move(seconds=30)
    sandbox.advance()
    failed = client.v1.payouts.retrieve(payout.id, options=on_account)
    assert (failed.status, failed.failure_code) == ("failed", code)
    assert failed.failure_balance_transaction is not None
    assert sandbox.balance(account) == {"eur": (5000, 0)}
    bank = client.v1.accounts.external_accounts.list(account).data[0]
    assert bank.status == "errored"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payouts.create({"amount": 1, "currency": "eur"}, on_account)
    assert refused.value.code == "bank_account_unusable"


def test_a_paid_payout_can_come_back(pay_out: PayOut, sandbox: Sandbox, account: str) -> None:
    id_ = pay_out().id
    sandbox.settle(id_, "paid")
    sandbox.settle(id_, "failed", "account_closed")
    assert types_of(sandbox, account) == [
        "payout.created",
        "payout.updated",
        "payout.paid",
        "payout.failed",
        "account.external_account.updated",
    ]
    assert sandbox.balance(account) == {"eur": (100_000, 0)}


def test_a_pending_payout_can_be_canceled_and_credits_back(
    pay_out: PayOut, client: stripe.StripeClient, sandbox: Sandbox, account: str
) -> None:
    canceled = client.v1.payouts.cancel(pay_out().id, options={"stripe_account": account})
    assert canceled.status == "canceled"
    assert sandbox.balance(account) == {"eur": (100_000, 0)}
    assert sandbox.advance() == 0
    assert types_of(sandbox, account)[-1] == "payout.canceled"


@pytest.mark.parametrize("outcome", ["in_transit", "paid", "failed"])
def test_only_a_pending_payout_can_be_canceled(
    pay_out: PayOut, client: stripe.StripeClient, sandbox: Sandbox, account: str, outcome: str
) -> None:
    id_ = pay_out().id
    sandbox.settle(id_, outcome)
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payouts.cancel(id_, options={"stripe_account": account})


def test_a_payout_belongs_to_its_account_alone(
    pay_out: PayOut, client: stripe.StripeClient, sandbox: Sandbox
) -> None:
    id_ = pay_out().id
    stranger = sandbox.create_account()["id"]
    for options in ({"stripe_account": stranger}, {}):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            client.v1.payouts.retrieve(id_, options=options)  # type: ignore[arg-type]
        assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")


def test_metadata_merges_and_empties(
    pay_out: PayOut, client: stripe.StripeClient, sandbox: Sandbox, account: str
) -> None:
    id_ = pay_out(metadata={"a": "1", "b": "2"}).id
    updated = client.v1.payouts.update(id_, {"metadata": {"b": "", "c": "3"}}, {"stripe_account": account})
    assert updated.metadata.to_dict() == {"a": "1", "c": "3"}
    assert sandbox.events()[-1]["data"]["previous_attributes"] == {"metadata": {"a": "1", "b": "2"}}


def test_a_list_is_newest_first_and_pages_by_cursor(
    pay_out: PayOut, client: stripe.StripeClient, clock: Clock, account: str
) -> None:
    ids = []
    for amount in range(1, 26):
        ids.append(pay_out(amount).id)
        clock.move(seconds=amount % 2)
    on_account: stripe.RequestOptions = {"stripe_account": account}
    first = client.v1.payouts.list({"limit": 10}, on_account)
    assert first.has_more
    assert [payout.id for payout in first.data] == ids[:-11:-1]
    assert [payout.id for payout in first.auto_paging_iter()] == ids[::-1]
    back = client.v1.payouts.list({"limit": 3, "ending_before": ids[-6]}, on_account)
    assert [payout.id for payout in back.data] == ids[-3:-6:-1]


def test_a_list_filters_by_status_moment_and_destination(
    pay_out: PayOut, client: stripe.StripeClient, sandbox: Sandbox, clock: Clock, account: str
) -> None:
    early = pay_out(100)
    clock.move(hours=1)
    late = pay_out(200)
    sandbox.settle(early.id, "paid")
    on_account: stripe.RequestOptions = {"stripe_account": account}

    def ids(**params: object) -> list[str]:
        return [payout.id for payout in client.v1.payouts.list(params, on_account).data]  # type: ignore[arg-type]

    assert ids(status="paid") == [early.id]
    assert ids(created={"gte": early.created + 1}) == [late.id]
    assert ids(created={"lt": late.created}) == [early.id]
    assert ids(arrival_date={"gt": early.arrival_date}) == [late.id]
    assert ids(destination="ba_other") == []
    with pytest.raises(stripe.InvalidRequestError) as refused:
        ids(metadata={"payout_id": "x"})
    assert refused.value.code == "parameter_unknown"


def test_a_related_object_can_be_expanded(pay_out: PayOut, client: stripe.StripeClient, account: str) -> None:
    on_account: stripe.RequestOptions = {"stripe_account": account}
    id_ = pay_out().id
    listed = client.v1.payouts.list({"expand": ["data.balance_transaction", "data.destination"]}, on_account)
    assert listed.data[0].balance_transaction.net == -1500
    assert listed.data[0].destination.last4 == "3000"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payouts.retrieve(id_, {"expand": ["nothing"]}, on_account)
    with pytest.raises(stripe.InvalidRequestError):
        pay_out(1, expand=["nothing"])
    assert len(client.v1.payouts.list({}, on_account).data) == 1
