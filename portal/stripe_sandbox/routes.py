"""Every endpoint of the API: method, path, the SDK's parameter type, and who answers."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from . import (
    accounts,
    bank_accounts,
    charges,
    disputes,
    events,
    ledger,
    payment_intents,
    payouts,
    refunds,
    transfers,
)
from .call import Call
from .objects import load
from .refusals import Json, unknown_url

Endpoint = Callable[[Call], Json]


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint; `:id` in the pattern stands for an id."""

    method: str
    pattern: str
    parameters: str | None
    endpoint: Endpoint

    def ids(self, method: str, path: str) -> tuple[str, ...] | None:
        """The ids in the path, or None when this is another endpoint."""
        if method != self.method:
            return None
        match = re.fullmatch(self.pattern.replace(":id", "([A-Za-z0-9_]{1,255})"), path)
        return None if match is None else match.groups()


def _balance(call: Call) -> Json:
    return ledger.retrieve_balance(call.work, call.account)


def _balance_transactions(call: Call) -> Json:
    return ledger.list_balance_transactions(call.work, call.account, call.params)


def _balance_transaction(call: Call) -> Json:
    return ledger.refreshed(call.work, load(call.work, "balance_transaction", call.id, account=call.account))


def _events(call: Call) -> Json:
    return events.list_events(call.work, call.account, call.params)


def _event(call: Call) -> Json:
    return events.retrieve_event(call.work, call.account, call.id)


ROUTES = [
    Route("GET", "/v1/account", "AccountRetrieveCurrentParams", accounts.retrieve_current_account),
    Route("POST", "/v1/accounts", "AccountCreateParams", accounts.create_account),
    Route("GET", "/v1/accounts", "AccountListParams", accounts.list_accounts),
    Route("GET", "/v1/accounts/:id", None, accounts.retrieve_account),
    Route("POST", "/v1/accounts/:id", "AccountUpdateParams", accounts.update_account),
    Route(
        "GET",
        "/v1/accounts/:id/external_accounts",
        "AccountExternalAccountListParams",
        bank_accounts.list_external_accounts,
    ),
    Route("GET", "/v1/accounts/:id/external_accounts/:id", None, bank_accounts.retrieve_external_account),
    Route("POST", "/v1/account_links", "AccountLinkCreateParams", accounts.create_account_link),
    Route("GET", "/v1/balance", None, _balance),
    Route("GET", "/v1/balance_transactions", "BalanceTransactionListParams", _balance_transactions),
    Route("GET", "/v1/balance_transactions/:id", None, _balance_transaction),
    Route("POST", "/v1/payouts", "PayoutCreateParams", payouts.create_payout),
    Route("GET", "/v1/payouts", "PayoutListParams", payouts.list_payouts),
    Route("GET", "/v1/payouts/:id", None, payouts.retrieve_payout),
    Route("POST", "/v1/payouts/:id", "PayoutUpdateParams", payouts.update_payout),
    Route("POST", "/v1/payouts/:id/cancel", "PayoutCancelParams", payouts.cancel_payout),
    Route("POST", "/v1/payment_intents", "PaymentIntentCreateParams", payment_intents.create_payment_intent),
    Route("GET", "/v1/payment_intents", "PaymentIntentListParams", payment_intents.list_payment_intents),
    Route(
        "GET",
        "/v1/payment_intents/:id",
        "PaymentIntentRetrieveParams",
        payment_intents.retrieve_payment_intent,
    ),
    Route("POST", "/v1/payment_intents/:id", "PaymentIntentUpdateParams", payment_intents.update_payment_intent),
    Route(
        "POST",
        "/v1/payment_intents/:id/confirm",
        "PaymentIntentConfirmParams",
        payment_intents.confirm_payment_intent,
    ),
    Route(
        "POST",
        "/v1/payment_intents/:id/cancel",
        "PaymentIntentCancelParams",
        payment_intents.cancel_payment_intent,
    ),
    Route("GET", "/v1/charges", "ChargeListParams", charges.list_charges),
    Route("GET", "/v1/charges/:id", None, charges.retrieve_charge),
    Route("POST", "/v1/charges/:id", "ChargeUpdateParams", charges.update_charge),
    Route("POST", "/v1/refunds", "RefundCreateParams", refunds.create_refund),
    Route("GET", "/v1/refunds", "RefundListParams", refunds.list_refunds),
    Route("GET", "/v1/refunds/:id", None, refunds.retrieve_refund),
    Route("POST", "/v1/refunds/:id", "RefundUpdateParams", refunds.update_refund),
    Route("GET", "/v1/disputes", "DisputeListParams", disputes.list_disputes),
    Route("GET", "/v1/disputes/:id", None, disputes.retrieve_dispute),
    Route("POST", "/v1/disputes/:id", "DisputeUpdateParams", disputes.update_dispute),
    Route("POST", "/v1/disputes/:id/close", "DisputeCloseParams", disputes.close_dispute),
    Route("GET", "/v1/transfers", "TransferListParams", transfers.list_transfers),
    Route("GET", "/v1/transfers/:id", None, transfers.retrieve_transfer),
    Route("POST", "/v1/transfers/:id", "TransferUpdateParams", transfers.update_transfer),
    Route("POST", "/v1/transfers/:id/reversals", "TransferReversalCreateParams", transfers.create_reversal),
    Route("GET", "/v1/transfers/:id/reversals", "TransferReversalListParams", transfers.list_reversals),
    Route("GET", "/v1/transfers/:id/reversals/:id", None, transfers.retrieve_reversal),
    Route("GET", "/v1/events", "EventListParams", _events),
    Route("GET", "/v1/events/:id", None, _event),
]


def find_route(method: str, path: str) -> tuple[Route, tuple[str, ...]]:
    """The endpoint of a request and the ids in its path; raises Stripe's 404."""
    for route in ROUTES:
        ids = route.ids(method, path)
        if ids is not None:
            return route, ids
    raise unknown_url(method, path)
