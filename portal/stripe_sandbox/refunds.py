"""Refunds: never more than is left of the charge; they may fail later."""

from .call import Call
from .currencies import check_amount
from .events import changes, emit
from .ledger import record
from .listing import page
from .objects import insert, load, merge_metadata, new_id, save
from .refusals import Json, invalid
from .store import Work
from .transfers import fee_share, return_fee, reverse

TAKEN_BACK = ("refund_application_fee", "reverse_transfer")


def create_refund(call: Call) -> Json:
    """POST /v1/refunds."""
    charge = _charge(call)
    left = charge["amount"] - charge["amount_refunded"]
    amount = call.params.get("amount", left)
    _check(charge, left, amount, call.params)
    body = insert(call.work, _new_refund(call, charge, amount), account=call.account)
    _take_back(call, charge, body)
    txn = record(
        call.work, call.account, type_="refund", amount=-amount, currency=charge["currency"],
        source=body["id"],
    )  # fmt: skip
    body["balance_transaction"] = txn["id"]
    save(call.work, body)
    emit(call.work, "refund.created", body, account=call.account)
    _count(call.work, charge, amount, account=call.account)
    return body


def _charge(call: Call) -> Json:
    charge_id, intent_id = call.params.get("charge"), call.params.get("payment_intent")
    if bool(charge_id) == bool(intent_id):
        message = "One of the following params should be provided for this request: payment_intent or charge."
        raise invalid(message, code="parameter_missing", param="payment_intent")
    if intent_id:
        intent = load(call.work, "payment_intent", intent_id, account=call.account, param="payment_intent")
        charge_id = intent["latest_charge"] if intent["status"] == "succeeded" else None
    if not charge_id:
        message = f"This PaymentIntent ({intent_id}) does not have a successful charge to refund."
        raise invalid(message, code="payment_intent_unexpected_state", param="payment_intent")
    return load(call.work, "charge", charge_id, account=call.account, param="charge")


def _check(charge: Json, left: int, amount: int, params: Json) -> None:
    if not charge["paid"]:
        raise invalid(f"Charge {charge['id']} has not been paid.", code="charge_not_refundable", param="charge")
    if charge["disputed"]:
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise invalid(message, code="charge_disputed", param="charge")
    if left == 0:
        message = f"Charge {charge['id']} has already been refunded."
        raise invalid(message, code="charge_already_refunded", param="charge")
    check_amount(amount)
    if amount > left:
        message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
        raise invalid(message, code="amount_too_large", param="amount")
    if params.get("reverse_transfer") and not charge["transfer"]:
        message = "Cannot reverse transfer on this charge: it has no transfer."
        raise invalid(message, param="reverse_transfer")
    if params.get("refund_application_fee") and not charge["application_fee"]:
        message = "Cannot refund the application fee on this charge: it has none."
        raise invalid(message, param="refund_application_fee")


def _new_refund(call: Call, charge: Json, amount: int) -> Json:
    return {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": call.work.timestamp,
        "currency": charge["currency"],
        "description": None,
        "failure_balance_transaction": None,
        "failure_reason": None,
        "metadata": call.params.get("metadata") or {},
        "payment_intent": charge["payment_intent"],
        "reason": call.params.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }


def _take_back(call: Call, charge: Json, body: Json) -> None:
    with_fee, with_transfer = (bool(call.params.get(name)) for name in TAKEN_BACK)
    if not with_fee and not with_transfer:
        return
    transfer = load(call.work, "transfer", charge["transfer"])
    amount = body["amount"] * transfer["amount"] // charge["amount"]
    fee_back = fee_share(call.work, transfer, amount) if with_fee else 0
    if not with_transfer:
        return return_fee(call.work, transfer, fee_back)
    reversal = reverse(call.work, transfer, amount, fee_back=fee_back, refund=body["id"])
    body["transfer_reversal"] = reversal["id"]
    return None


def _count(work: Work, charge: Json, amount: int, *, account: str) -> None:
    refunded = charge["amount_refunded"] + amount
    after = {**charge, "amount_refunded": refunded, "refunded": refunded == charge["amount"]}
    save(work, after)
    type_ = "charge.refunded" if amount > 0 else "charge.updated"
    emit(work, type_, after, account=account, previous=changes(charge, after))


def fail_refund(work: Work, id_: str, *, reason: str = "expired_or_canceled_card", account: str = "") -> Json:
    """The card's bank sent a refund back: the money returns to the balance."""
    before = load(work, "refund", id_, account=account)
    if before["status"] not in ("pending", "succeeded"):
        raise invalid(f"A refund that is {before['status']} cannot fail")
    txn = record(
        work, account, type_="refund_failure", amount=before["amount"], currency=before["currency"],
        source=id_,
    )  # fmt: skip
    failed = {"status": "failed", "failure_reason": reason, "failure_balance_transaction": txn["id"]}
    after = save(work, {**before, **failed})
    emit(work, "refund.updated", after, account=account, previous=changes(before, after))
    emit(work, "refund.failed", after, account=account)
    charge = load(work, "charge", before["charge"], account=account)
    _count(work, charge, -before["amount"], account=account)
    return after


def retrieve_refund(call: Call) -> Json:
    """GET /v1/refunds/:id."""
    return load(call.work, "refund", call.id, account=call.account)


def update_refund(call: Call) -> Json:
    """POST /v1/refunds/:id: only its metadata can change."""
    before = load(call.work, "refund", call.id, account=call.account)
    after = {**before, "metadata": dict(before["metadata"])}
    merge_metadata(after, call.params.get("metadata"))
    save(call.work, after)
    if after != before:
        emit(call.work, "refund.updated", after, account=call.account, previous=changes(before, after))
    return after


def list_refunds(call: Call) -> Json:
    """GET /v1/refunds."""
    return page(call.work, kind="refund", account=call.account, params=call.params, url="/v1/refunds")
