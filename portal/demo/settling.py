"""What Stripe reports of a payout after its creation, and what the portal makes of it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from portal.demo import deliveries
from portal.demo.payouts import SYSTEM, Life, S
from portal.demo.rows import Facts, Operation
from portal.models import EntityType, TransactionEventType
from portal.stripe_sandbox.bank_accounts import MESSAGES

SOURCE = "stripe_webhook"
Verb = Callable[[Life, str], None]
"""What processing an event does to the payout, told the event's id."""


def hear(life: Life, type: str, at: datetime, verb: Verb | None = None, **changes: Any) -> None:
    """Stripe reports a change of the payout."""
    life.thing |= changes
    shown = {key: value for key, value in life.thing.items() if key != "account"}

    def handle(op: Operation, event_id: str) -> None:
        life.op = op
        if verb is not None:
            verb(life, event_id)
        seen = {"stripePayoutId": life.thing["id"], "stripeStatus": life.thing["status"]}
        deliveries.note(op, event_id, type, EntityType.PAYOUT, life.id, seen)

    deliveries.hear(life.world, type, shown, handle, at=at, account=life.row["stripe_account_id"])


def pay(life: Life, event_id: str) -> None:
    """T12: the bank has it."""
    moved = life.move(S.PAID)
    life.row |= {"paid_at": life.op.at, "next_check_at": None}
    facts = {"source": SOURCE, "stripePayoutId": life.thing["id"], "paidAt": life.op.at}
    life.op.log("PAYOUT_PAID", SYSTEM, life.seller.id, life.facts() | moved | facts)
    life.enter(TransactionEventType.PAYOUT_PAID, {}, stripe_event_id=event_id)


def fail(life: Life, event_id: str) -> None:
    """T13 or T14: the bank did not take it, or gave it back after it was paid."""
    returned = life.row["status"] is S.PAID
    moved = life.move(S.RETURNED if returned else S.FAILED)
    code = life.thing["failure_code"]
    life.row |= {"failure_code": code, "failure_message": life.thing["failure_message"], "next_check_at": None}
    facts = life.facts() | moved | failure(life, SOURCE)
    life.op.log("PAYOUT_RETURNED" if returned else "PAYOUT_FAILED", SYSTEM, life.seller.id, facts)
    enter_failure(life, life.row["failure_message"], stripe_event_id=event_id)


def cancel(life: Life, _: str) -> None:
    """T13: it was canceled at Stripe before it left."""
    facts = life.facts() | life.move(S.CANCELED) | {"stripePayoutId": life.thing["id"], "source": SOURCE}
    life.row["next_check_at"] = None
    life.op.log("PAYOUT_CANCELED", SYSTEM, life.seller.id, facts)


def failure(life: Life, source: str) -> Facts:
    """What PAYOUT_FAILED and PAYOUT_RETURNED say of why."""
    facts = {"stripePayoutId": life.row["stripe_payout_id"], "failureCode": life.row["failure_code"]}
    return facts | {"failureMessage": life.row["failure_message"], "failedAt": life.op.at, "source": source}


def enter_failure(life: Life, message: str, **columns: Any) -> None:
    """The failure in the money book."""
    error = {"errorType": "Error", "errorMessage": message, "errorStack": None}
    life.enter(TransactionEventType.PAYOUT_FAILED, error, error_message=message, **columns)


def bounce(life: Life, at: datetime, code: str) -> None:
    """The bank's refusal: the money is back on the balance."""
    minor, stripe_id = life.row["amount_minor"], life.thing["id"]
    txn = life.world.move(life.seller, at, minor, kind="payout_failure", source=stripe_id)
    message = MESSAGES.get(code, "The bank could not process this payout.")
    failed = {"status": "failed", "failure_code": code, "failure_message": message}
    hear(life, "payout.failed", at, fail, failure_balance_transaction=txn, **failed)
