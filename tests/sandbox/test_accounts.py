"""Connected accounts: onboarding, requirements, schedules, bank accounts."""

import pytest
import requests
import stripe

from portal.stripe_sandbox import Sandbox

from .conftest import Served


def test_a_new_account_has_everything_still_to_give(client: stripe.StripeClient) -> None:
    account = client.v1.accounts.create({"type": "express", "country": "FR", "metadata": {"creator_id": "c1"}})
    assert (account.payouts_enabled, account.details_submitted) == (False, False)
    assert "external_account" in account.requirements.currently_due
    assert account.settings.payouts.schedule.interval == "manual"
    assert account.metadata["creator_id"] == "c1"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payouts.create({"amount": 1, "currency": "eur"}, {"stripe_account": account.id})
    assert refused.value.code == "payouts_not_allowed"


def test_onboarding_ends_on_the_sandboxs_page(client: stripe.StripeClient, server: Served) -> None:
    account = client.v1.accounts.create({"type": "express", "country": "FR"})
    link = client.v1.account_links.create(
        {
            "account": account.id,
            "type": "account_onboarding",
            "return_url": "http://portal.test/back?x=1",
            "refresh_url": "http://portal.test/again",
        }
    )
    page = requests.get(link.url, timeout=5)
    assert "Finish onboarding" in page.text
    assert 'value="http://portal.test/back?x=1"' in page.text
    done = requests.post(link.url, {"return_url": "http://portal.test/back"}, timeout=5, allow_redirects=False)
    assert (done.status_code, done.headers["Location"]) == (302, "http://portal.test/back")
    ready = client.v1.accounts.retrieve(account.id)
    assert ready.payouts_enabled
    assert ready.requirements.currently_due == []
    assert ready.external_accounts.data[0].default_for_currency
    assert server.sandbox.events()[-1]["type"] == "account.updated"


def test_a_ready_account_has_a_verified_bank_account(client: stripe.StripeClient, account: str) -> None:
    banks = client.v1.accounts.external_accounts.list(account, {"object": "bank_account"}).data
    assert [(bank.last4, bank.status, bank.currency) for bank in banks] == [("3000", "verified", "eur")]
    assert client.v1.accounts.external_accounts.retrieve(account, banks[0].id).id == banks[0].id


def test_a_changed_schedule_is_told(client: stripe.StripeClient, sandbox: Sandbox, account: str) -> None:
    settings = {"payouts": {"schedule": {"interval": "daily"}}}
    changed = client.v1.accounts.update(account, {"settings": settings})  # type: ignore[typeddict-item]
    assert changed.settings.payouts.schedule.interval == "daily"
    event = sandbox.events()[-1]
    assert (event["type"], event["account"]) == ("account.updated", account)
    assert event["data"]["previous_attributes"]["settings"]["payouts"]["schedule"]["interval"] == "manual"
    settings = {"payouts": {"schedule": {"interval": "hourly"}}}
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.accounts.update(account, {"settings": settings})  # type: ignore[typeddict-item]


def test_requirements_can_fall_due(client: stripe.StripeClient, sandbox: Sandbox, account: str) -> None:
    sandbox.change_account(
        account,
        currently_due=["individual.id_number"],
        disabled_reason="requirements.past_due",
        payouts_enabled=False,
    )
    seen = client.v1.accounts.retrieve(account)
    assert seen.requirements.currently_due == ["individual.id_number"]
    assert seen.requirements.disabled_reason == "requirements.past_due"
    assert not seen.payouts_enabled
    assert [event["type"] for event in sandbox.events()] == ["account.updated"]


def test_nothing_is_told_when_nothing_changed(client: stripe.StripeClient, sandbox: Sandbox, account: str) -> None:
    client.v1.accounts.update(account, {"metadata": {}})
    sandbox.change_account(account, payouts_enabled=True)
    assert sandbox.events() == []


def test_accounts_are_listed_and_the_current_one_is_known(
    client: stripe.StripeClient, sandbox: Sandbox, account: str
) -> None:
    other = sandbox.create_account()["id"]
    assert {seen.id for seen in client.v1.accounts.list().data} == {account, other}
    assert client.v1.accounts.retrieve_current(options={"stripe_account": account}).id == account
    assert client.v1.accounts.retrieve_current().type == "standard"


def test_an_empty_account_still_has_a_balance(client: stripe.StripeClient, sandbox: Sandbox) -> None:
    account = sandbox.create_account(currency="gbp")["id"]
    balance = client.v1.balance.retrieve(options={"stripe_account": account})
    assert [(line.currency, line.amount) for line in balance.available] == [("gbp", 0)]
