"""Transfers to connected accounts, and their reversals."""

from .call import Call
from .currencies import check_amount
from .events import changes, emit
from .ledger import record
from .listing import page
from .objects import insert, load, merge_metadata, new_id, save
from .refusals import Json, invalid
from .store import Work


def retrieve_transfer(call: Call) -> Json:
    """GET /v1/transfers/:id."""
    return load(call.work, "transfer", call.id, account=call.account)


def update_transfer(call: Call) -> Json:
    """POST /v1/transfers/:id."""
    before = load(call.work, "transfer", call.id, account=call.account)
    after = {**before, "metadata": dict(before["metadata"])}
    merge_metadata(after, call.params.get("metadata"))
    after["description"] = call.params.get("description", before["description"])
    save(call.work, after)
    if after != before:
        emit(call.work, "transfer.updated", after, previous=changes(before, after))
    return after


def list_transfers(call: Call) -> Json:
    """GET /v1/transfers."""
    return page(call.work, kind="transfer", account=call.account, params=call.params, url="/v1/transfers")


def create_reversal(call: Call) -> Json:
    """POST /v1/transfers/:id/reversals."""
    transfer = load(call.work, "transfer", call.id, account=call.account)
    left = transfer["amount"] - transfer["amount_reversed"]
    amount = call.params.get("amount", left)
    check_amount(amount) if amount else None
    fee_back = fee_share(call.work, transfer, amount) if call.params.get("refund_application_fee") else 0
    reversal = reverse(call.work, transfer, amount, fee_back=fee_back)
    merge_metadata(reversal, call.params.get("metadata"))
    return save(call.work, reversal)


def fee_share(work: Work, transfer: Json, amount: int) -> int:
    """The part of the application fee that goes with this part of the transfer."""
    charge = load(work, "charge", transfer["source_transaction"])
    return int((charge["application_fee_amount"] or 0) * amount // transfer["amount"])


def reverse(work: Work, transfer: Json, amount: int, *, fee_back: int, refund: str | None = None) -> Json:
    """Take part of a transfer back from the connected account, which may go negative."""
    if amount <= 0 or amount > transfer["amount"] - transfer["amount_reversed"]:
        left = transfer["amount"] - transfer["amount_reversed"]
        message = f"Reversal amount ({amount}) is greater than the amount left on the transfer ({left})."
        raise invalid(message, code="amount_too_large", param="amount")
    reversal = _reversal(work, transfer, amount, refund)
    currency, destination = transfer["currency"], transfer["destination"]
    txn = record(work, "", type_="transfer_refund", amount=amount, currency=currency, source=reversal["id"])
    record(
        work, destination, type_="payment_refund", amount=-amount, currency=currency,
        source=transfer["destination_payment"], fee=-fee_back,
    )  # fmt: skip
    if fee_back:
        record(
            work,
            "",
            type_="application_fee_refund",
            amount=-fee_back,
            currency=currency,
            source=transfer["id"],
        )
    reversal["balance_transaction"] = txn["id"]
    insert(work, reversal)
    _reduce(work, transfer, reversal)
    return reversal


def return_fee(work: Work, transfer: Json, fee_back: int) -> None:
    """Give an application fee back to the connected account, whose transfer stands."""
    if not fee_back:
        return
    for account, amount in (("", -fee_back), (transfer["destination"], fee_back)):
        record(
            work, account, type_="application_fee_refund", amount=amount, currency=transfer["currency"],
            source=transfer["id"],
        )  # fmt: skip


def _reversal(work: Work, transfer: Json, amount: int, refund: str | None) -> Json:
    return {
        "id": new_id("trr"),
        "object": "transfer_reversal",
        "amount": amount,
        "balance_transaction": None,
        "created": work.timestamp,
        "currency": transfer["currency"],
        "destination_payment_refund": None,
        "metadata": {},
        "source_refund": refund,
        "transfer": transfer["id"],
    }


def _reduce(work: Work, transfer: Json, reversal: Json) -> None:
    reversed_amount = transfer["amount_reversed"] + reversal["amount"]
    listed = transfer["reversals"]
    data = [reversal, *listed["data"]]
    after = {
        **transfer,
        "amount_reversed": reversed_amount,
        "reversed": reversed_amount == transfer["amount"],
        "reversals": {
            **listed,
            "data": data[:10],
            "has_more": len(data) > 10,
            "total_count": listed["total_count"] + 1,
        },
    }
    save(work, after)
    emit(work, "transfer.reversed", after)


def list_reversals(call: Call) -> Json:
    """GET /v1/transfers/:id/reversals."""
    load(call.work, "transfer", call.id, account=call.account)
    params = {**call.params, "transfer": call.id}
    url = f"/v1/transfers/{call.id}/reversals"
    return page(call.work, kind="transfer_reversal", account=call.account, params=params, url=url)


def retrieve_reversal(call: Call) -> Json:
    """GET /v1/transfers/:id/reversals/:id."""
    return load(call.work, "transfer_reversal", call.ids[1], account=call.account)
