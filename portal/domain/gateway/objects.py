"""Stripe's objects as the rules see them: plain results."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


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


@dataclass(frozen=True, slots=True)
class StripeRefund:
    """A refund at Stripe; `status` is Stripe's word (pending, requires_action, succeeded, failed, canceled)."""

    id: str
    payment_intent: str | None
    amount_minor: int
    currency: str
    status: str
    failure_reason: str | None
    created_at: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StripeDispute:
    """A dispute at Stripe; `withdrawn_minor` is what it holds back now, minor units, 0 when given back."""

    id: str
    payment_intent: str | None
    amount_minor: int
    currency: str
    reason: str
    status: str
    evidence_due_at: datetime | None
    withdrawn_minor: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StripeTransfer:
    """The transfer of a charge to a creator's account, and what was taken back of it."""

    id: str
    payment_intent: str | None
    destination: str
    amount_minor: int
    reversed_minor: int
    currency: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StripeIntent:
    """A payment intent; `status` is Stripe's word (requires_payment_method, processing, succeeded, canceled…).

    `error_code`, `error_message` and `decline_code` are the last declined card's. `client_secret` lets its
    holder pay: it goes to the payer's browser and nowhere else, so it is not shown.
    """

    id: str
    amount_minor: int
    received_minor: int
    currency: str
    status: str
    client_secret: str = field(repr=False)
    error_code: str | None = None
    error_message: str | None = None
    decline_code: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StripeCharge:
    """One try of a card; a failed one says why."""

    id: str
    payment_intent: str | None
    amount_minor: int
    currency: str
    status: str
    failure_code: str | None = None
    failure_message: str | None = None
    decline_code: str | None = None
