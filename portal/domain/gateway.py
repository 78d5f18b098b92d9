"""Stripe as the rules see it: plain results, our own errors, and what an error says of the money."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class BankAccount:
    """An external account of a connected account; `status` is Stripe's word (new, verified, errored…)."""

    id: str
    currency: str
    last4: str
    status: str


@dataclass(frozen=True, slots=True)
class ConnectedAccount:
    """A creator's account at Stripe."""

    id: str
    charges_enabled: bool
    payouts_enabled: bool
    requirements_due: tuple[str, ...]
    schedule_interval: str
    bank_accounts: tuple[BankAccount, ...] = ()


@dataclass(frozen=True, slots=True)
class Balance:
    """Minor units by upper-case currency."""

    available: Mapping[str, int]
    pending: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class StripePayout:
    """A payout at Stripe; `status` is Stripe's word (pending, in_transit, paid, failed, canceled)."""

    id: str
    account: str
    amount_minor: int
    currency: str
    status: str
    arrival_at: datetime | None
    created_at: datetime
    failure_code: str | None = None
    failure_message: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


class Verdict(StrEnum):
    """What an error says of the object that the call was to create."""

    REFUSED = "refused"  # definitely not created
    RETRY = "retry"  # not created; the same key may be sent again
    UNKNOWN = "unknown"  # created or not


class StripeFailure(Exception):
    """A call that Stripe did not answer with success.

    `http_status` is None when no answer came; `retry_after` is how long Stripe asks to wait.
    """

    def __init__(
        self,
        message: str,
        *,
        type: str,
        code: str | None = None,
        http_status: int | None = None,
        stripe_request_id: str | None = None,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.type = type
        self.code = code
        self.http_status = http_status
        self.stripe_request_id = stripe_request_id
        self.retry_after = retry_after

    @property
    def verdict(self) -> Verdict:
        """Refused only on a JSON 400, 402, 403 or 404 that is no idempotency error; else retry or unknown."""
        if self.http_status in {401, 429}:
            return Verdict.RETRY
        if self.http_status in {400, 402, 403, 404} and self.type not in {"idempotency_error", "unreadable"}:
            return Verdict.REFUSED
        return Verdict.UNKNOWN

    def facts(self) -> dict[str, Any]:
        """errorType, errorCode, errorMessage and stripeRequestId for an audit row."""
        return {
            "errorType": self.type,
            "errorCode": self.code,
            "errorMessage": self.message,
            "stripeRequestId": self.stripe_request_id,
        }


class SignatureInvalid(Exception):
    """A webhook body that Stripe did not sign with one of our secrets, or that is no event."""


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

    def retrieve_account(self, account: str) -> ConnectedAccount:
        """Read a connected account."""
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

    def list_events(
        self, account: str | None, created_from: datetime, types: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Every event of these types (at most 20) since `created_from`; `account` None is the platform's own."""
        ...

    def sum_receipts(self, account: str, created_from: datetime) -> Mapping[str, int]:
        """What came into the account's balance since, in minor units by currency; returned payouts left out."""
        ...

    def verify_event(self, body: bytes, signature: str, secret: str, now: datetime) -> dict[str, Any]:
        """The event in a signed body. Raises SignatureInvalid."""
        ...
