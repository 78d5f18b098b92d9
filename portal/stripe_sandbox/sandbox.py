"""The sandbox as an object: everything the HTTP surface does, without a server and without threads."""

import json
from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any

from . import account_changes, bulk, disputes, idempotency, payment_intents, payout_life, refunds
from .currencies import check_currency
from .faults import Faults
from .gate import Gate
from .ledger import balances, record
from .objects import find_any, owner
from .refusals import Json, no_such
from .settings import SandboxSettings
from .store import Store, Work
from .webhooks import Post, Postman, list_deliveries


class Sandbox:
    """A local Stripe: its books, its faults, its postman. Close it when done."""

    def __init__(self, settings: SandboxSettings) -> None:
        self.settings = settings
        self.store = Store(settings)
        self.faults = Faults()
        self.gate = Gate(self.store, self.faults)
        self._postman = Postman(self.store)

    def close(self) -> None:
        """Close the file."""
        self.store.close()

    # --- time and the bank ---

    def advance(self) -> int:
        """Take every payout step that is due by the clock; tells how many."""
        with self.store.transaction() as work:
            return payout_life.advance_payouts(work)

    def settle(self, payout_id: str, outcome: str = "paid", failure_code: str | None = None) -> Json:
        """Decide for the bank: in_transit, paid, failed (also after paid) or canceled."""
        with self.store.transaction() as work:
            return payout_life.settle_payout(work, payout_id, outcome=outcome, failure_code=failure_code)

    def open_dispute(self, charge_id: str, reason: str = "fraudulent", amount: int | None = None) -> Json:
        """The cardholder disputes a charge."""
        with self.store.transaction() as work:
            return disputes.open_dispute(work, charge_id, reason=reason, amount=amount)

    def decide_dispute(self, dispute_id: str, outcome: str) -> Json:
        """The bank's verdict: won or lost."""
        with self.store.transaction() as work:
            return disputes.decide_dispute(work, dispute_id, outcome=outcome)

    def fail_refund(self, refund_id: str, reason: str = "expired_or_canceled_card") -> Json:
        """The card's bank sends a refund back."""
        with self.store.transaction() as work:
            return refunds.fail_refund(work, refund_id, reason=reason, account=owner(work, refund_id))

    def pay(self, client_secret: str, card: str = "pm_card_visa") -> Json:
        """The payer's side of a payment intent: try a test card, authentication included."""
        with self.store.transaction() as work:
            id_ = client_secret.partition("_secret_")[0]
            body = find_any(work, id_)
            if body is None or body.get("client_secret") != client_secret:
                raise no_such("payment_intent", id_)
            account = owner(work, id_)
            return payment_intents.pay(work, body, card, account=account, raises=False, authenticated=True)

    # --- seeding ---

    def create_account(self, **wanted: Any) -> Json:
        """An account that is ready to be paid: country, currency, last4, ready, payouts_enabled…"""
        with self.store.transaction() as work:
            return account_changes.seed_account(work, wanted)

    def change_account(self, account_id: str, **wanted: Any) -> Json:
        """Change requirements, payouts_enabled, bank_status, bank_last4, interval, deauthorized."""
        with self.store.transaction() as work:
            return account_changes.change_account(work, account_id, wanted)

    def finish_onboarding(self, account_id: str) -> Json:
        """Give everything that is still required of an account."""
        with self.store.transaction() as work:
            return account_changes.finish_onboarding(work, account_id)

    def fund(self, account_id: str, amount_minor: int, currency: str = "eur") -> Json:
        """Put money on an account's available balance, or take it away."""
        with self.store.transaction() as work:
            if account_id:
                self._known(work, account_id)
            description = "Sandbox funding"
            check_currency(currency)
            return record(
                work, account_id, type_="adjustment", amount=amount_minor, currency=currency, source=None,
                description=description,
            )  # fmt: skip

    def bulk_load(self, objects: Iterable[Json]) -> int:
        """Insert many historic objects without events."""
        with self.store.transaction() as work:
            return bulk.bulk_load(work, objects)

    def prune_keys(self, older_than: timedelta = timedelta(0)) -> int:
        """Forget idempotency keys of at least this age (default: all)."""
        with self.store.transaction() as work:
            return idempotency.prune(work, older_than=older_than.total_seconds())

    # --- looking ---

    def balance(self, account_id: str) -> dict[str, tuple[int, int]]:
        """(available, pending) by currency."""
        with self.store.transaction() as work:
            return balances(work, account_id)

    def ledger(self, account_id: str | None = None) -> Json:
        """Every payout and balance transaction, oldest first, each with its `account`; or one account's."""
        with self.store.transaction() as work:
            kinds = {"payouts": "payout", "balance_transactions": "balance_transaction"}
            return {name: _rows(work, kind, account_id) for name, kind in kinds.items()}

    def events(self) -> list[Json]:
        """Every event, in order."""
        with self.store.transaction() as work:
            return _rows(work, "event")

    def pending_deliveries(self) -> list[Json]:
        """Webhooks that still have to be delivered, due now or later."""
        with self.store.transaction() as work:
            return list_deliveries(work, pending_only=True)

    def deliveries(self) -> list[Json]:
        """Every webhook and its fate."""
        with self.store.transaction() as work:
            return list_deliveries(work, pending_only=False)

    def deliver(
        self,
        post: Post | None = None,
        *,
        order: str = "created",
        copies: int = 1,
        events: Collection[str] | None = None,
        seed: int | None = None,
    ) -> list[Json]:
        """Post what is due, or these events whatever their fate; orders: created, reversed, random."""
        return self._postman.deliver(post, order=order, copies=copies, events=events, seed=seed)

    def _known(self, work: Work, account_id: str) -> None:
        body = find_any(work, account_id)
        if body is None or body["object"] != "account":
            raise no_such("account", account_id)


def _rows(work: Work, kind: str, account: str | None = None) -> list[Json]:
    rows = work.db.execute(
        "SELECT account, body FROM object WHERE kind = ?1 AND (?2 IS NULL OR account = ?2) ORDER BY seq",
        (kind, account),
    )
    return [{"account": row["account"], **json.loads(row["body"])} for row in rows]
