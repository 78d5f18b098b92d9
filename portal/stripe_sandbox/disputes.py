"""Disputes: opened by a cardholder's bank, answered with evidence, won or lost.

Evidence whose `uncategorized_text` is "winning_evidence" or "losing_evidence" decides at once, as Stripe's
test mode does; closing a dispute accepts the loss.
"""

from .call import Call
from .events import changes, emit
from .ledger import record
from .listing import page
from .objects import insert, load, merge_metadata, new_id, save
from .refusals import Json, invalid
from .store import Work

DISPUTE_FEE = 2000
OPEN = ("needs_response", "under_review", "warning_needs_response", "warning_under_review")
VERDICTS = {"winning_evidence": "won", "losing_evidence": "lost"}


def open_dispute(work: Work, charge_id: str, *, reason: str = "fraudulent", amount: int | None = None) -> Json:
    """The bank takes the money back until somebody is proved right."""
    charge = load(work, "charge", charge_id, param="charge")
    if charge["disputed"] or not charge["paid"]:
        raise invalid(f"Charge {charge_id} cannot be disputed.", param="charge")
    body = _new_dispute(work, charge, reason, charge["amount"] if amount is None else amount)
    txn = record(
        work, "", type_="adjustment", amount=-body["amount"], currency=body["currency"], source=body["id"],
        fee=DISPUTE_FEE, reporting_category="dispute", description=f"Chargeback withdrawal for {charge_id}",
    )  # fmt: skip
    body["balance_transactions"] = [txn]
    insert(work, body)
    save(work, {**charge, "disputed": True})
    emit(work, "charge.dispute.created", body)
    emit(work, "charge.dispute.funds_withdrawn", body)
    return body


def _new_dispute(work: Work, charge: Json, reason: str, amount: int) -> Json:
    return {
        "id": new_id("du"),
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": work.timestamp,
        "currency": charge["currency"],
        "evidence": {},
        "evidence_details": {
            "due_by": work.timestamp + 7 * 86_400,
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": reason,
        "status": "needs_response",
    }


def update_dispute(call: Call) -> Json:
    """POST /v1/disputes/:id: evidence, sent to the bank unless `submit` is false."""
    before = _open(call)
    after = {**before, "metadata": dict(before["metadata"])}
    merge_metadata(after, call.params.get("metadata"))
    evidence = call.params.get("evidence") or {}
    if evidence:
        details = {**before["evidence_details"], "has_evidence": True}
        after.update(evidence={**before["evidence"], **evidence}, evidence_details=details)
    if evidence and call.params.get("submit", True):
        after["status"] = "under_review"
        after["evidence_details"]["submission_count"] += 1
    save(call.work, after)
    emit(call.work, "charge.dispute.updated", after, previous=changes(before, after))
    verdict = VERDICTS.get(str(evidence.get("uncategorized_text")))
    if verdict and after["status"] == "under_review":
        return decide_dispute(call.work, after["id"], outcome=verdict)
    return after


def _open(call: Call) -> Json:
    body = load(call.work, "dispute", call.id, account=call.account)
    if body["status"] not in OPEN:
        raise invalid("This dispute is already closed.", code="dispute_closed")
    return body


def decide_dispute(work: Work, id_: str, *, outcome: str) -> Json:
    """The bank's verdict: a won dispute gives the money and the fee back."""
    before = load(work, "dispute", id_)
    if outcome not in ("won", "lost") or before["status"] not in OPEN:
        raise invalid(f"A dispute that is {before['status']} cannot become {outcome}", param="outcome")
    after = {**before, "status": outcome}
    if outcome == "won":
        txn = record(
            work, "", type_="adjustment", amount=before["amount"], currency=before["currency"], source=id_,
            fee=-DISPUTE_FEE, reporting_category="dispute_reversal",
        )  # fmt: skip
        after["balance_transactions"] = [*before["balance_transactions"], txn]
    save(work, after)
    emit(work, "charge.dispute.closed", after)
    if outcome == "won":
        emit(work, "charge.dispute.funds_reinstated", after)
    return after


def close_dispute(call: Call) -> Json:
    """POST /v1/disputes/:id/close: accept the loss."""
    _open(call)
    return decide_dispute(call.work, call.id, outcome="lost")


def retrieve_dispute(call: Call) -> Json:
    """GET /v1/disputes/:id."""
    return load(call.work, "dispute", call.id, account=call.account)


def list_disputes(call: Call) -> Json:
    """GET /v1/disputes."""
    return page(call.work, kind="dispute", account=call.account, params=call.params, url="/v1/disputes")
