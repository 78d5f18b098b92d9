"""Charges: the money of a paid intent, on the platform and, by a transfer, on the connected account.

A destination charge moves as Stripe moves it: the platform is credited, the whole amount is transferred to
the destination, and the application fee comes back to the platform.
"""

from .call import Call
from .cards import Card
from .events import emit
from .ledger import record
from .listing import Query, page
from .objects import insert, load, merge_metadata, new_id, save
from .refusals import Json, malformed
from .store import Work


def processing_fee(amount: int) -> int:
    """What Stripe keeps of a European card payment: 1.5 % and 25 cents."""
    return min(amount, (amount * 15 + 500) // 1000 + 25)


def charge_card(work: Work, intent: Json, card: Card, account: str) -> Json:
    """Take the money and share it out; returns the succeeded intent."""
    body = _charge(work, intent, card)
    delay = 0.0 if card.available_now else work.settings.settle_after.total_seconds()
    ready = work.now.timestamp() + delay
    fee = processing_fee(body["amount"])
    txn = record(
        work, account, type_="charge", amount=body["amount"], currency=body["currency"], source=body["id"],
        fee=fee, available_at=ready,
    )  # fmt: skip
    body.update(balance_transaction=txn["id"], paid=True, captured=True, status="succeeded")
    insert(work, body, account=account)
    if intent["transfer_data"]:
        save(work, _share(work, intent, body, ready))
    emit(work, "charge.succeeded", body, account=account)
    received = {"amount_received": body["amount"], "latest_charge": body["id"], "next_action": None}
    return {**intent, **received, "status": "succeeded", "last_payment_error": None}


def failed_charge(work: Work, intent: Json, card: Card, error: dict[str, str], account: str) -> Json:
    """The charge that a declined card leaves behind."""
    body = _charge(work, intent, card)
    body.update(status="failed", failure_code=error["code"], failure_message=error["message"])
    body["outcome"] = {
        "network_status": "declined_by_network",
        "reason": error["decline_code"],
        "type": "issuer_declined",
    }
    insert(work, body, account=account)
    emit(work, "charge.failed", body, account=account)
    return body


def _charge(work: Work, intent: Json, card: Card) -> Json:
    return {
        "id": new_id("ch"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"],
        "amount_refunded": 0,
        "application_fee": None,
        "application_fee_amount": intent["application_fee_amount"],
        "balance_transaction": None,
        "captured": False,
        "created": work.timestamp,
        "currency": intent["currency"],
        "description": intent["description"],
        "destination": (intent["transfer_data"] or {}).get("destination"),
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "livemode": False,
        "metadata": dict(intent["metadata"]),
        "on_behalf_of": intent["on_behalf_of"],
        "outcome": {"network_status": "approved_by_network", "reason": None, "type": "authorized"},
        "paid": False,
        "payment_intent": intent["id"],
        "payment_method": intent["payment_method"],
        "payment_method_details": {"card": {"brand": card.brand, "last4": card.last4}, "type": "card"},
        "receipt_email": intent["receipt_email"],
        "refunded": False,
        "status": "pending",
        "transfer": None,
        "transfer_data": intent["transfer_data"],
        "transfer_group": intent["transfer_group"],
    }


def _share(work: Work, intent: Json, charge: Json, ready: float) -> Json:
    destination = intent["transfer_data"]["destination"]
    amount = intent["transfer_data"].get("amount", charge["amount"])
    fee = intent["application_fee_amount"] or 0
    transfer = _transfer(work, charge, amount, destination)
    sent = record(
        work, "", type_="transfer", amount=-amount, currency=charge["currency"], source=transfer["id"],
        available_at=ready,
    )  # fmt: skip
    payment_id = new_id("py")
    received = record(
        work, destination, type_="payment", amount=amount, currency=charge["currency"], source=payment_id,
        fee=fee, available_at=ready,
    )  # fmt: skip
    payment = {**charge, "id": payment_id, "transfer_data": None, "source_transfer": transfer["id"]}
    payment.update(balance_transaction=received["id"], payment_intent=None, destination=None, amount=amount)
    if fee:
        charge["application_fee"] = payment["application_fee"] = _earn_fee(work, charge, fee, ready)
    insert(work, payment, account=destination)
    transfer.update(balance_transaction=sent["id"], destination_payment=payment_id)
    insert(work, transfer)
    emit(work, "transfer.created", transfer)
    charge["transfer"] = transfer["id"]
    return charge


def _earn_fee(work: Work, charge: Json, fee: int, ready: float) -> str:
    id_ = new_id("fee")
    record(
        work, "", type_="application_fee", amount=fee, currency=charge["currency"], source=id_,
        available_at=ready,
    )  # fmt: skip
    return id_


def _transfer(work: Work, charge: Json, amount: int, destination: str) -> Json:
    id_ = new_id("tr")
    url = f"/v1/transfers/{id_}/reversals"
    return {
        "id": id_,
        "object": "transfer",
        "amount": amount,
        "amount_reversed": 0,
        "balance_transaction": None,
        "created": work.timestamp,
        "currency": charge["currency"],
        "description": None,
        "destination": destination,
        "destination_payment": None,
        "livemode": False,
        "metadata": {},
        "reversals": {"object": "list", "data": [], "has_more": False, "total_count": 0, "url": url},
        "reversed": False,
        "source_transaction": charge["id"],
        "source_type": "card",
        "transfer_group": charge["transfer_group"] or f"group_{charge['payment_intent']}",
    }


def retrieve_charge(call: Call) -> Json:
    """GET /v1/charges/:id."""
    return load(call.work, "charge", call.id, account=call.account)


def update_charge(call: Call) -> Json:
    """POST /v1/charges/:id: metadata and description."""
    after = load(call.work, "charge", call.id, account=call.account)
    merge_metadata(after, call.params.get("metadata"))
    after["description"] = call.params.get("description", after["description"])
    unsupported = call.params.keys() - {"metadata", "description", "expand"}
    if unsupported:
        raise malformed("The sandbox updates metadata and description only.", param=min(unsupported))
    return save(call.work, after)


def list_charges(call: Call) -> Json:
    """GET /v1/charges."""
    query = Query("charge", call.account)
    return page(call.work, kind="charge", account=call.account, params=call.params, url="/v1/charges", query=query)
