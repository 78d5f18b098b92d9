"""Many historic objects at once, without events: the past of a demo, or the ballast of a benchmark.

Each object is a dict with at least `object` and `id`; missing fields are filled from a template, so
`{"object": "payout", "id": "po_1", "account": "acct_1", "amount": 100, "currency": "eur", "status": "paid"}`
is enough. `account` names the owner and is not part of the stored object, except for bank accounts.
Money moves only by balance transactions: load those too (`net` is computed), or use fund.
"""

import json
from collections.abc import Iterable
from typing import Any

from .accounts import build_account
from .refusals import Json, invalid
from .store import Work

COMMON: Json = {"livemode": False, "metadata": {}}
TEMPLATES: dict[str, Json] = {
    "payout": {
        "arrival_date": None, "automatic": False, "balance_transaction": None, "description": None,
        "destination": None, "failure_balance_transaction": None, "failure_code": None,
        "failure_message": None, "method": "standard", "original_payout": None,
        "reconciliation_status": "not_applicable", "reversed_by": None, "source_type": "card",
        "statement_descriptor": None, "status": "paid", "trace_id": None, "type": "bank_account",
    },
    "payment_intent": {
        "amount_received": 0, "application_fee_amount": None, "canceled_at": None,
        "cancellation_reason": None, "capture_method": "automatic", "client_secret": None,
        "description": None, "last_payment_error": None, "latest_charge": None, "next_action": None,
        "on_behalf_of": None, "payment_method": None, "payment_method_types": ["card"],
        "receipt_email": None, "status": "succeeded", "transfer_data": None, "transfer_group": None,
    },
    "charge": {
        "amount_captured": 0, "amount_refunded": 0, "application_fee": None,
        "application_fee_amount": None, "balance_transaction": None, "captured": True,
        "description": None, "destination": None, "disputed": False, "failure_code": None,
        "failure_message": None, "on_behalf_of": None, "outcome": None, "paid": True,
        "payment_intent": None, "payment_method": None, "refunded": False, "status": "succeeded",
        "transfer": None, "transfer_data": None, "transfer_group": None,
    },
    "refund": {
        "balance_transaction": None, "charge": None, "description": None,
        "failure_balance_transaction": None, "failure_reason": None, "payment_intent": None,
        "reason": None, "status": "succeeded", "transfer_reversal": None,
    },
    "dispute": {
        "balance_transactions": [], "charge": None, "evidence": {}, "is_charge_refundable": False,
        "evidence_details": {"due_by": None, "has_evidence": False, "past_due": False, "submission_count": 0},
        "payment_intent": None, "reason": "fraudulent", "status": "needs_response",
    },
    "transfer": {
        "amount_reversed": 0, "balance_transaction": None, "description": None, "destination": None,
        "destination_payment": None,
        "reversals": {"object": "list", "data": [], "has_more": False, "total_count": 0},
        "reversed": False, "source_transaction": None, "source_type": "card", "transfer_group": None,
    },
    "balance_transaction": {
        "available_on": None, "description": None, "exchange_rate": None, "fee": 0, "fee_details": [],
        "source": None, "status": "available", "type": "adjustment",
        "reporting_category": "other_adjustment",
    },
    "bank_account": {
        "bank_name": "STRIPE SANDBOX BANK", "country": "FR", "currency": "eur",
        "default_for_currency": True, "last4": "3000", "status": "verified",
        "available_payout_methods": ["standard"],
    },
}  # fmt: skip


def bulk_load(work: Work, objects: Iterable[Json]) -> int:
    """Insert the objects, replacing those whose id is known; tells how many."""
    rows = [_row(work, dict(given)) for given in objects]
    work.db.executemany(
        "INSERT INTO object (id, kind, account, created, body, currency, net, available_on)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body,"
        " created = excluded.created, net = excluded.net, available_on = excluded.available_on",
        rows,
    )
    return len(rows)


def _row(work: Work, given: Json) -> tuple[Any, ...]:
    kind = given.get("object", "")
    if not given.get("id"):
        raise invalid("Every object to load needs an id", param="id")
    if kind == "account":
        body = _account(work, given)
        return (body["id"], kind, "", body["created"], json.dumps(body), None, None, None)
    if kind not in TEMPLATES:
        raise invalid(f"The sandbox cannot load objects of kind '{kind}'", param="object")
    owner = given.get("account", "") if kind == "bank_account" else given.pop("account", "")
    common = {} if kind in ("balance_transaction", "bank_account") else COMMON
    body = {
        "id": given["id"],
        "object": kind,
        "created": work.timestamp,
        **common,
        **TEMPLATES[kind],
        **given,
    }
    net = currency = available_on = None
    if kind == "balance_transaction":
        body["net"] = net = body["amount"] - body["fee"]
        currency = body["currency"]
        body["available_on"] = available_on = body["available_on"] or body["created"]
    if kind == "charge" and not given.get("amount_captured"):
        body["amount_captured"] = body["amount"] if body["captured"] else 0
    return (body["id"], kind, owner, body["created"], json.dumps(body), currency, net, available_on)


def _account(work: Work, given: Json) -> Json:
    country, currency = given.get("country", "FR"), given.get("default_currency", "eur")
    body = build_account(work, country=country, currency=currency, ready=True, id=given["id"])
    return {**body, **given}
