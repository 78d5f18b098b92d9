"""Connected accounts and their balances."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from portal.domain.gateway import Balance, BankAccount, ConnectedAccount
from portal.stripe_gateway.calls import Calls

RETURNED = ("payout_failure", "payout_cancel")


class AccountCalls(Calls):
    """Reads accounts."""

    def retrieve_account(self, account: str) -> ConnectedAccount:
        """Read a connected account with its bank accounts."""
        return _account(self._asked(lambda: self._client.v1.accounts.retrieve(account)))

    def create_account(self, params: Mapping[str, Any], idempotency_key: str) -> ConnectedAccount:
        """Create a connected account."""
        wanted: Any = dict(params)
        options: Any = {"idempotency_key": idempotency_key}
        return _account(self._asked(lambda: self._client.v1.accounts.create(wanted, options)))

    def create_account_link(self, account: str, *, return_url: str, refresh_url: str) -> str:
        """The address of Stripe's onboarding for an account; good for a few minutes, and once."""
        wanted: Any = {"account": account, "type": "account_onboarding"}
        wanted |= {"return_url": return_url, "refresh_url": refresh_url}
        return str(self._asked(lambda: self._client.v1.account_links.create(wanted))["url"])

    def retrieve_balance(self, account: str) -> Balance:
        """Read a connected account's balance."""
        options: Any = {"stripe_account": account}
        answer = self._asked(lambda: self._client.v1.balance.retrieve({}, options))
        return Balance(available=_by_currency(answer["available"]), pending=_by_currency(answer["pending"]))

    def sum_receipts(self, account: str, created_from: datetime) -> Mapping[str, int]:
        """What came into the balance since, in minor units by currency; payouts that came back left out."""
        received: Counter[str] = Counter()
        for item in self._every(self._client.v1.balance_transactions.list, account, created_from):
            if item["net"] > 0 and item["type"] not in RETURNED:
                received[item["currency"].upper()] += item["net"]
        return received


def _account(answer: Mapping[str, Any]) -> ConnectedAccount:
    requirements = answer.get("requirements") or {}
    due = [*(requirements.get("past_due") or []), *(requirements.get("currently_due") or [])]
    banks = (answer.get("external_accounts") or {}).get("data") or []
    schedule = ((answer.get("settings") or {}).get("payouts") or {}).get("schedule") or {}
    return ConnectedAccount(
        id=answer["id"],
        charges_enabled=answer["charges_enabled"],
        payouts_enabled=answer["payouts_enabled"],
        requirements_due=tuple(dict.fromkeys(due)),
        schedule_interval=schedule.get("interval", "manual"),
        bank_accounts=tuple(
            BankAccount(bank["id"], bank["currency"].upper(), bank["last4"], bank.get("status", "new"))
            for bank in banks
        ),
    )


def _by_currency(funds: list[dict[str, Any]]) -> dict[str, int]:
    return {fund["currency"].upper(): fund["amount"] for fund in funds}
