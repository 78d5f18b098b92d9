"""The ledger: every movement of money is a balance transaction; a balance is their sum and nothing else."""

import json

from .listing import Query, page
from .objects import load, new_id
from .refusals import Json
from .store import Work

CATEGORIES = {
    "payment": "charge",
    "payment_refund": "refund",
    "transfer_refund": "transfer_reversal",
    "application_fee": "platform_earning",
    "application_fee_refund": "platform_earning_refund",
    "payout_failure": "payout_reversal",
    "payout_cancel": "payout_reversal",
    "adjustment": "other_adjustment",
}


def record(
    work: Work,
    account: str,
    *,
    type_: str,
    amount: int,
    currency: str,
    source: str | None,
    fee: int = 0,
    available_at: float | None = None,
    description: str | None = None,
    reporting_category: str | None = None,
) -> Json:
    """Write one movement; `amount` and `fee` are signed, `net` is what the balance gains."""
    available_on = work.now.timestamp() if available_at is None else available_at
    body: Json = {
        "id": new_id("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": int(available_on),
        "balance_type": "payments",
        "created": work.timestamp,
        "currency": currency,
        "description": description,
        "exchange_rate": None,
        "fee": fee,
        "fee_details": _fee_details(fee, currency, account),
        "net": amount - fee,
        "reporting_category": reporting_category or CATEGORIES.get(type_, type_),
        "source": source,
        "status": "available" if available_on <= work.now.timestamp() else "pending",
        "type": type_,
    }
    write(work, body, account=account, available_on=available_on)
    return body


def write(work: Work, body: Json, *, account: str, available_on: float) -> None:
    """Store a finished balance transaction."""
    work.db.execute(
        "INSERT INTO object (id, kind, account, created, body, currency, net, available_on)"
        " VALUES (?, 'balance_transaction', ?, ?, ?, ?, ?, ?)",
        (body["id"], account, body["created"], json.dumps(body), body["currency"], body["net"], available_on),
    )


def _fee_details(fee: int, currency: str, account: str) -> list[Json]:
    if not fee:
        return []
    type_ = "application_fee" if account else "stripe_fee"
    return [{"amount": fee, "application": None, "currency": currency, "description": type_, "type": type_}]


def balances(work: Work, account: str) -> dict[str, tuple[int, int]]:
    """(available, pending) in minor units by currency."""
    rows = work.db.execute(
        "SELECT currency, SUM(CASE WHEN available_on <= ?2 THEN net ELSE 0 END) AS available,"
        " SUM(CASE WHEN available_on <= ?2 THEN 0 ELSE net END) AS pending"
        " FROM object WHERE account = ?1 AND net IS NOT NULL GROUP BY currency",
        (account, work.now.timestamp()),
    )
    return {row["currency"]: (row["available"], row["pending"]) for row in rows}


def available(work: Work, account: str, currency: str) -> int:
    """What can be paid out now, in minor units."""
    return balances(work, account).get(currency, (0, 0))[0]


def retrieve_balance(work: Work, account: str) -> Json:
    """The balance object of the calling account."""
    sums = balances(work, account) or {_default_currency(work, account): (0, 0)}
    return {
        "object": "balance",
        "available": [_line(amount, currency) for currency, (amount, _) in sorted(sums.items())],
        "livemode": False,
        "pending": [_line(amount, currency) for currency, (_, amount) in sorted(sums.items())],
        "refund_and_dispute_prefunding": {"available": [], "pending": []},
    }


def _line(amount: int, currency: str) -> Json:
    return {"amount": amount, "currency": currency, "source_types": {"card": amount}}


def _default_currency(work: Work, account: str) -> str:
    return str(load(work, "account", account)["default_currency"]) if account else "eur"


def list_balance_transactions(work: Work, account: str, params: Json) -> Json:
    """The account's ledger, newest first."""
    filters = dict(params)
    query = Query("balance_transaction", account)
    payout = filters.pop("payout", None)
    if payout is not None:
        query.field("source", payout)
    listed = page(
        work,
        kind="balance_transaction",
        account=account,
        params=filters,
        url="/v1/balance_transactions",
        query=query,
    )
    listed["data"] = [refreshed(work, body) for body in listed["data"]]
    return listed


def refreshed(work: Work, body: Json) -> Json:
    """A balance transaction with today's status."""
    return {**body, "status": "available" if body["available_on"] <= work.timestamp else "pending"}
