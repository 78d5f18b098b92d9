"""Payouts: money leaves the balance the moment one is created."""

from .accounts import authorised
from .bank_accounts import MESSAGES, default_for
from .call import Call
from .currencies import check_amount, check_currency, check_whole_units
from .events import changes, emit
from .ledger import available, record
from .listing import page
from .objects import find, insert, load, merge_metadata, new_id, save
from .refusals import Json, invalid
from .store import Work

INSUFFICIENT = (
    "You have insufficient funds in your Stripe account for this transfer. Your card balance is too low. "
    "You can use the /v1/balance endpoint to view your Stripe balance "
    "(for more details, see stripe.com/docs/api#balance)."
)
NOT_ALLOWED = (
    "Cannot create payouts; please contact us via https://support.stripe.com/contact with details for assistance."
)


def create_payout(call: Call) -> Json:
    """POST /v1/payouts: debit the balance, start the journey, or refuse as Stripe would."""
    amount, currency = call.params["amount"], call.params["currency"]
    check_amount(amount)
    check_currency(currency)
    _check_method(call)
    check_whole_units(amount, currency)
    bank = _destination(call, currency)
    if available(call.work, call.account, currency) < amount:
        raise invalid(INSUFFICIENT, code="balance_insufficient")
    body = _new_payout(call, bank)
    txn = record(
        call.work, call.account, type_="payout", amount=-amount, currency=currency, source=body["id"],
        description="STRIPE PAYOUT",
    )  # fmt: skip
    body["balance_transaction"] = txn["id"]
    insert(call.work, body, account=call.account)
    half = call.work.settings.settle_after.total_seconds() / 2
    set_timer(call.work, body["id"], call.work.now.timestamp() + half)
    emit(call.work, "payout.created", body, account=call.account)
    return body


def _check_method(call: Call) -> None:
    if call.params.get("method") == "instant":
        message = "Instant payouts need an eligible debit card or bank account."
        raise invalid(message, code="instant_payouts_unsupported", param="method")
    if len(call.params.get("statement_descriptor", "")) > 22:
        message = "Invalid statement descriptor: it must be at most 22 characters"
        raise invalid(message, param="statement_descriptor")
    if call.params.get("source_type", "card") != "card":
        raise invalid(INSUFFICIENT, code="balance_insufficient", param="source_type")


def _destination(call: Call, currency: str) -> Json:
    if not call.account:
        raise invalid("The sandbox's platform has no bank account; send Stripe-Account.", param="destination")
    if not authorised(call.work, call.account)["payouts_enabled"]:
        raise invalid(NOT_ALLOWED, code="payouts_not_allowed")
    wanted = call.params.get("destination")
    if wanted:
        bank: Json | None = load(call.work, "bank_account", wanted, account=call.account, param="destination")
    else:
        bank = default_for(call.work, call.account, currency)
    if bank is None or bank["currency"] != currency:
        message = f"Sorry, you don't have any external accounts in that currency ({currency})."
        raise invalid(message, code="no_account", param="destination" if wanted else "currency")
    if bank["status"] == "errored":
        message = "This external account failed a previous payout and cannot be used until it is updated."
        raise invalid(message, code="bank_account_unusable", param="destination")
    return bank


def _new_payout(call: Call, bank: Json) -> Json:
    now = call.work.timestamp
    return {
        "id": new_id("po"),
        "object": "payout",
        "amount": call.params["amount"],
        "application_fee": None,
        "application_fee_amount": None,
        "arrival_date": now + int(call.work.settings.settle_after.total_seconds()),
        "automatic": False,
        "balance_transaction": None,
        "created": now,
        "currency": call.params["currency"],
        "description": call.params.get("description"),
        "destination": bank["id"],
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "livemode": False,
        "metadata": call.params.get("metadata", {}),
        "method": "standard",
        "original_payout": None,
        "payout_method": None,
        "reconciliation_status": "not_applicable",
        "reversed_by": None,
        "source_type": "card",
        "statement_descriptor": call.params.get("statement_descriptor"),
        "status": "pending",
        "trace_id": {"status": "pending", "value": None},
        "type": "bank_account",
    }


def retrieve_payout(call: Call) -> Json:
    """GET /v1/payouts/:id."""
    return load(call.work, "payout", call.id, account=call.account)


def update_payout(call: Call) -> Json:
    """POST /v1/payouts/:id: only its metadata can change."""
    before = load(call.work, "payout", call.id, account=call.account)
    after = {**before, "metadata": dict(before["metadata"])}
    merge_metadata(after, call.params.get("metadata"))
    save(call.work, after)
    if after != before:
        emit(call.work, "payout.updated", after, account=call.account, previous=changes(before, after))
    return after


def list_payouts(call: Call) -> Json:
    """GET /v1/payouts."""
    return page(call.work, kind="payout", account=call.account, params=call.params, url="/v1/payouts")


def cancel_payout(call: Call) -> Json:
    """POST /v1/payouts/:id/cancel: only while pending, and only a manual one."""
    body = load(call.work, "payout", call.id, account=call.account)
    if body["automatic"]:
        raise invalid("You cannot cancel an automatic payout.", code="payout_not_cancelable")
    if body["status"] != "pending":
        message = f"Payouts can only be canceled while they are pending: this one is {body['status']}."
        raise invalid(message, code="payout_not_cancelable")
    return end_payout(call.work, body, call.account, status="canceled")


def end_payout(work: Work, body: Json, account: str, *, status: str, failure_code: str | None = None) -> Json:
    """Move a payout to paid, failed or canceled, give the money back unless it was paid, and tell."""
    after = {**body, "status": status}
    if status == "paid":
        after["trace_id"] = {"status": "supported", "value": f"trace{body['id'][-12:]}"}
    else:
        txn = record(
            work, account, type_="payout_failure" if status == "failed" else "payout_cancel",
            amount=body["amount"], currency=body["currency"], source=body["id"],
            description="STRIPE PAYOUT RETURNED",
        )  # fmt: skip
        after["failure_balance_transaction"] = txn["id"]
    if status == "failed":
        after["failure_code"] = failure_code
        after["failure_message"] = MESSAGES.get(str(failure_code), "The bank could not process this payout.")
    save(work, after)
    clear_timer(work, body["id"])
    emit(work, f"payout.{status}", after, account=account)
    return after


def bank_of(work: Work, body: Json, account: str) -> Json | None:
    """The bank account a payout goes to, unless it was removed since."""
    return find(work, "bank_account", body["destination"], account=account)


def set_timer(work: Work, id_: str, due_at: float) -> None:
    """When the next step of this payout is due."""
    work.db.execute("INSERT OR REPLACE INTO timer (id, due_at) VALUES (?, ?)", (id_, due_at))


def clear_timer(work: Work, id_: str) -> None:
    """Nothing more happens to this payout by itself."""
    work.db.execute("DELETE FROM timer WHERE id = ?", (id_,))
