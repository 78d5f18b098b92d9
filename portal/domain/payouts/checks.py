"""The checks before a payout exists, each of which lets pass or refuses with its own event.

Refusals and steps are recorded apart: they outlive whatever is rolled back after them.
"""

import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

from portal.audit.actor import Actor
from portal.audit.system_log import log_error, log_info
from portal.domain.errors import PayoutRefused
from portal.domain.gateway import ConnectedAccount, StripeFailure, StripeGateway
from portal.domain.money import AmountInvalid, parse_amount
from portal.models import Creator, LogActor
from portal.models.currency import to_decimal

T = TypeVar("T")
Facts = Mapping[str, Any] | None


class RequestChecks:
    """One wish for a payout by one creator, as far as it got."""

    def __init__(self, creator: Creator, actor: Actor, *, amount: str, currency: str, facts: Facts = None) -> None:
        self.facts = dict(facts or {})  # what its first row and every refusal say besides
        self.creator = creator
        self.actor = actor
        self.amount = amount
        self.typed = amount[:40]
        self.currency = currency.strip().upper()[:12]
        self.amount_minor: int | None = None
        self.started = time.monotonic()

    @property
    def elapsed_ms(self) -> int:
        """Milliseconds since the wish was made."""
        return round((time.monotonic() - self.started) * 1000)

    @property
    def requested(self) -> Decimal | str:
        """The amount asked for: decimal once understood, before that as typed."""
        return self.typed if self.amount_minor is None else to_decimal(self.amount_minor, self.currency)

    def refused(
        self, event: str, message: str, status: int, facts: Facts = None, words: Facts = None
    ) -> PayoutRefused:
        """Record a refusal apart and return what to raise."""
        known = {"creatorId": self.creator.id, "requestedAmount": self.requested, "currency": self.currency}
        log_error(event, self.actor.kind, None, self.creator.id, {**known, **(facts or {}), **self.facts})
        return PayoutRefused(message, event=event, status=status, facts=facts, words=words)

    def invalid(self, message: str, *, status: int = 422, words: Facts = None) -> PayoutRefused:
        """A refusal of what was typed, or of a second open payout."""
        facts = {"validationErrors": [message % words if words else message]}
        return self.refused("PAYOUT_REQUEST_VALIDATION_ERROR", message, status, facts, words)

    def initiated(self) -> None:
        """Record that the wish was made."""
        facts = {
            "creatorId": self.creator.id,
            "creatorEmail": self.creator.email,
            "creatorName": self.creator.name,
            "requestedAmount": self.requested,
            "currency": self.currency,
            "payoutSchedule": self.creator.payout_schedule,
            **self.facts,
        }
        log_info("PAYOUT_REQUEST_INITIATED", self.actor.kind, None, self.creator.id, facts)

    def valid_amount(self) -> int:
        """Minor units of what was typed, at least the creator's minimum."""
        if not (self.currency.isascii() and self.currency.isalpha() and len(self.currency) == 3):
            raise self.invalid("Choisissez une devise.")
        try:
            self.amount_minor = parse_amount(self.amount, self.currency)
        except AmountInvalid as error:
            raise self.invalid(error.message, words=error.words) from error
        minimum = self.creator.payout_minimum_minor
        if self.currency == self.creator.currency and self.amount_minor < minimum:
            words = {"least": to_decimal(minimum, self.currency), "currency": self.currency}
            raise self.invalid("Le montant minimum est de %(least)s %(currency)s.", words=words)
        return self.amount_minor

    def account_id(self) -> str:
        """The creator's Stripe account, if there is one and payouts are not blocked."""
        if self.creator.stripe_account_id is None:
            message = "Reliez d’abord votre compte Stripe : sans lui, aucun payout n’est possible."
            raise self.refused("PAYOUT_REQUEST_NO_STRIPE_ACCOUNT", message, 409)
        self.unblocked(self.creator)
        return self.creator.stripe_account_id

    def unblocked(self, creator: Creator) -> None:
        """Refuse when payouts of `creator`, freshly read, are blocked."""
        if creator.is_payout_blocked:
            reason = creator.payout_block_reason
            event, message = "PAYOUT_REQUEST_BLOCKED", "Vos payouts sont bloqués : %(reason)s"
            raise self.refused(event, message, 403, {"blockReason": reason}, {"reason": reason})

    def verified_account(self, gateway: StripeGateway, account_id: str) -> ConnectedAccount:
        """The account as Stripe sees it now, if it may be paid out."""
        facts: dict[str, Any] = {"creatorId": self.creator.id, "stripeAccountId": account_id}
        log_info("PAYOUT_REQUEST_STRIPE_VERIFICATION", LogActor.SYSTEM, None, self.creator.id, facts)
        account = self._answer(account_id, lambda: gateway.retrieve_account(account_id))
        facts |= {
            "chargesEnabled": account.charges_enabled,
            "payoutsEnabled": account.payouts_enabled,
            "requirementsDue": account.requirements_due,
        }
        if account.requirements_due or not account.charges_enabled:
            message = "Stripe attend encore des informations sur votre identité."
            raise self.refused("PAYOUT_REQUEST_KYC_INCOMPLETE", message, 409, facts)
        if not account.payouts_enabled or self._bank_errored(account):
            message = "Votre compte bancaire n’est pas validé par Stripe."
            raise self.refused("PAYOUT_REQUEST_BANK_NOT_VERIFIED", message, 409, facts)
        return account

    def _bank_errored(self, account: ConnectedAccount) -> bool:
        banks = [bank for bank in account.bank_accounts if bank.currency == self.currency]
        return bool(banks) and all(bank.status == "errored" for bank in banks)

    def available_minor(self, gateway: StripeGateway, account_id: str) -> int:
        """Minor units that Stripe holds ready in the currency asked for."""
        balance = self._answer(account_id, lambda: gateway.retrieve_balance(account_id))
        available = balance.available.get(self.currency)
        facts = {
            "creatorId": self.creator.id,
            "requestedAmount": self.requested,
            "availableBalance": None if available is None else to_decimal(available, self.currency),
            "currency": self.currency,
        }
        log_info("PAYOUT_REQUEST_BALANCE_CHECK", LogActor.SYSTEM, None, self.creator.id, facts)
        if available is None:
            event, message = "PAYOUT_REQUEST_CURRENCY_NOT_FOUND", "Vous n’avez pas de solde en %(currency)s."
            found = {"requestedCurrency": self.currency, "availableCurrencies": sorted(balance.available)}
            raise self.refused(event, message, 409, found, {"currency": self.currency})
        return available

    def covered(self, available: int, reserved: int) -> None:
        """Refuse when the balance less what is reserved (both minor units) does not cover the amount."""
        left = available - reserved
        if self.amount_minor is not None and left >= self.amount_minor:
            return
        shown = to_decimal(max(left, 0), self.currency)
        facts = {"availableAmount": shown, "reservedAmount": to_decimal(reserved, self.currency)}
        words = {"left": shown, "currency": self.currency}
        message = "Solde insuffisant : %(left)s %(currency)s disponibles."
        raise self.refused("PAYOUT_REQUEST_INSUFFICIENT_BALANCE", message, 409, facts, words)

    def _answer(self, account_id: str, question: Callable[[], T]) -> T:
        try:
            return question()
        except StripeFailure as error:
            facts = {"creatorId": self.creator.id, "stripeAccountId": account_id, **error.facts()}
            log_error("PAYOUT_REQUEST_STRIPE_ERROR", LogActor.SYSTEM, None, self.creator.id, facts)
            message = "Stripe ne répond pas comme prévu ; rien n’a été débité. Réessayez dans quelques minutes."
            raise PayoutRefused(message, event="PAYOUT_REQUEST_STRIPE_ERROR", status=502) from error
