"""Stripe as the rules see it: the calls, their plain results, and what an error says of the money."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from portal.domain.gateway.failure import SignatureInvalid, StripeFailure, Verdict
from portal.domain.gateway.objects import (
    Balance,
    BankAccount,
    ConnectedAccount,
    StripeCharge,
    StripeDispute,
    StripeIntent,
    StripePayout,
    StripeRefund,
    StripeTransfer,
)

__all__ = [
    "Balance",
    "BankAccount",
    "ConnectedAccount",
    "SignatureInvalid",
    "StripeCharge",
    "StripeDispute",
    "StripeFailure",
    "StripeGateway",
    "StripeIntent",
    "StripePayout",
    "StripeRefund",
    "StripeTransfer",
    "Verdict",
]


class StripeGateway(Protocol):
    """The calls the portal makes. Each raises StripeFailure."""

    @property
    def api_version(self) -> str:
        """The API version that every call names."""
        ...

    @property
    def timeout(self) -> timedelta:
        """How long a call waits for its answer."""
        ...

    @property
    def live(self) -> bool:
        """Whether the key moves real money: then events of test mode are not ours, and the reverse."""
        ...

    def retrieve_account(self, account: str) -> ConnectedAccount:
        """Read a connected account."""
        ...

    def create_account(self, params: Mapping[str, Any], idempotency_key: str) -> ConnectedAccount:
        """Create a connected account."""
        ...

    def create_account_link(self, account: str, *, return_url: str, refresh_url: str) -> str:
        """The address of Stripe's onboarding for an account; good for a few minutes, and once."""
        ...

    def retrieve_balance(self, account: str) -> Balance:
        """Read a connected account's balance."""
        ...

    def create_payout(self, account: str, params: Mapping[str, Any], idempotency_key: str) -> StripePayout:
        """Create a payout with the stored parameters and key."""
        ...

    def retrieve_payout(self, account: str, stripe_payout_id: str) -> StripePayout:
        """Read a payout's present state."""
        ...

    def cancel_payout(self, account: str, stripe_payout_id: str) -> StripePayout:
        """Cancel a payout that is pending."""
        ...

    def list_payouts(self, account: str, created_from: datetime) -> list[StripePayout]:
        """Every payout of the account created since `created_from`."""
        ...

    def create_refund(self, params: Mapping[str, Any], idempotency_key: str) -> StripeRefund:
        """Create a refund with the stored parameters and key."""
        ...

    def retrieve_refund(self, stripe_refund_id: str) -> StripeRefund:
        """Read a refund's present state."""
        ...

    def list_refunds(self, payment_intent: str, created_from: datetime) -> list[StripeRefund]:
        """Every refund of a payment intent created since."""
        ...

    def retrieve_dispute(self, stripe_dispute_id: str) -> StripeDispute:
        """Read a dispute's present state."""
        ...

    def retrieve_transfer(self, stripe_transfer_id: str) -> StripeTransfer:
        """Read a transfer with what was reversed of it."""
        ...

    def list_events(
        self, account: str | None, created_from: datetime, types: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Every event of these types (at most 20) since `created_from`; `account` None is the platform's own."""
        ...

    def sum_receipts(self, account: str, created_from: datetime) -> Mapping[str, int]:
        """What came into the account's balance since, in minor units by currency; returned payouts left out."""
        ...

    def verify_event(self, body: bytes, signature: str, secrets: Sequence[str], now: datetime) -> dict[str, Any]:
        """The JSON object in a body that one of the secrets signed. Raises SignatureInvalid."""
        ...

    def create_intent(self, params: Mapping[str, Any], idempotency_key: str) -> StripeIntent:
        """Create a payment intent with the stored parameters and key."""
        ...

    def retrieve_intent(self, intent_id: str) -> StripeIntent:
        """Read a payment intent's present state."""
        ...

    def cancel_intent(self, intent_id: str) -> StripeIntent:
        """Cancel a payment intent that nobody has paid."""
        ...

    def confirm_intent(self, intent_id: str, payment_method: str) -> StripeIntent:
        """Try a test card on a payment intent, as the payer's browser would."""
        ...

    def retrieve_charge(self, charge_id: str) -> StripeCharge:
        """Read one try of a card."""
        ...
