"""What a creator's Stripe account allows and holds right now, and what stands in the way of a payout."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from portal.domain.gateway import Balance, BankAccount, ConnectedAccount, StripeFailure, StripeGateway
from portal.models import Creator, Payout, PayoutStatus

FORBIDDEN = 403
"""How Stripe answers for an account that has left the platform."""

NO_MONEY: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True)
class Standing:
    """An account as Stripe shows it; None where it could not be read, and then `failure` says why."""

    account: ConnectedAccount | None = None
    balance: Balance | None = None
    failure: StripeFailure | None = None

    def bank(self, currency: str) -> BankAccount | None:
        """Where Stripe sends payouts in `currency`: a usable account before an errored one."""
        banks = [bank for bank in self.account.bank_accounts if bank.currency == currency] if self.account else []
        return next((bank for bank in banks if bank.status != "errored"), banks[0] if banks else None)

    def available_minor(self, currency: str) -> int | None:
        """Minor units that Stripe holds ready, or None when the balance could not be read."""
        return None if self.balance is None else self.balance.available.get(currency, 0)

    @property
    def available(self) -> Mapping[str, int]:
        """Minor units ready to be paid out, by currency."""
        return self.balance.available if self.balance else NO_MONEY

    @property
    def pending(self) -> Mapping[str, int]:
        """Minor units on their way into the balance, by currency."""
        return self.balance.pending if self.balance else NO_MONEY


class Problem(StrEnum):
    """What keeps a creator from being paid out."""

    NO_ACCOUNT = "no_account"
    DEAUTHORIZED = "deauthorized"
    BLOCKED = "blocked"
    IDENTITY = "identity"
    PAYOUTS_DISABLED = "payouts_disabled"
    BANK_MISSING = "bank_missing"
    BANK_ERRORED = "bank_errored"
    ACCOUNT_CHANGED = "account_changed"


def read_standing(gateway: StripeGateway, account_id: str | None) -> Standing:
    """Ask Stripe for the account and its balance. A failure is part of the answer, never raised."""
    if account_id is None:
        return Standing()
    account = None
    try:
        account = gateway.retrieve_account(account_id)
        return Standing(account, gateway.retrieve_balance(account_id))
    except StripeFailure as failure:
        return Standing(account, None, failure)


def problems_of(creator: Creator, standing: Standing, asked: Sequence[Payout] = ()) -> list[Problem]:
    """Everything that stands in the way of a payout, the gravest first; `asked` are those not yet sent."""
    if creator.stripe_account_id is None:
        return [Problem.NO_ACCOUNT]
    blocked = [Problem.BLOCKED] if creator.is_payout_blocked else []
    if standing.failure is not None and standing.failure.http_status == FORBIDDEN:
        return [Problem.DEAUTHORIZED, *blocked]
    stranded = any(_is_stranded(payout, creator) for payout in asked)
    changed = [Problem.ACCOUNT_CHANGED] if stranded else []
    return blocked + changed + (_account_problems(standing.account) if standing.account else [])


def _is_stranded(payout: Payout, creator: Creator) -> bool:
    """Whether a payout waits for an account that is no longer the creator's: it can only be refused."""
    waits = payout.status in {PayoutStatus.REQUESTED, PayoutStatus.APPROVED}
    return waits and payout.stripe_account_id != creator.stripe_account_id


def _account_problems(account: ConnectedAccount) -> list[Problem]:
    found = []
    if account.requirements_due or not account.charges_enabled:
        found.append(Problem.IDENTITY)
    if not account.payouts_enabled:
        found.append(Problem.PAYOUTS_DISABLED)
    if not account.bank_accounts:
        found.append(Problem.BANK_MISSING)
    if any(bank.status == "errored" for bank in account.bank_accounts):
        found.append(Problem.BANK_ERRORED)
    return found
