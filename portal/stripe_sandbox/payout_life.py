"""What happens to a payout by itself, or when a test decides for the bank."""

from .bank_accounts import FAILURES, set_bank_status
from .events import emit
from .objects import find_any, owner, save
from .payouts import bank_of, end_payout, set_timer
from .refusals import Json, invalid, no_such
from .store import Work

MOVES = {"pending": ("paid", "failed", "canceled"), "in_transit": ("paid", "failed"), "paid": ("failed",)}


def advance_payouts(work: Work) -> int:
    """Take every step that is due; tells how many were taken."""
    steps = 0
    while due := work.db.execute(
        "SELECT id, due_at FROM timer WHERE due_at <= ? ORDER BY due_at LIMIT 1", (work.now.timestamp(),)
    ).fetchone():
        _step(work, due["id"], due["due_at"])
        steps += 1
    return steps


def _step(work: Work, id_: str, due_at: float) -> None:
    body, account = _payout(work, id_)
    if body["status"] == "pending":
        depart(work, body, account)
        set_timer(work, id_, due_at + work.settings.settle_after.total_seconds() / 2)
        return
    bank = bank_of(work, body, account)
    failure = "account_closed" if bank is None else FAILURES.get(bank["last4"])
    settle_payout(work, id_, outcome="failed" if failure else "paid", failure_code=failure)


def settle_payout(work: Work, id_: str, *, outcome: str, failure_code: str | None = None) -> Json:
    """Decide for the bank: paid, failed (also after paid: a return) or canceled."""
    body, account = _payout(work, id_)
    if outcome == "in_transit" and body["status"] == "pending":
        half = work.settings.settle_after.total_seconds() / 2
        set_timer(work, id_, work.now.timestamp() + half)
        return depart(work, body, account)
    if outcome not in MOVES.get(body["status"], ()):
        raise invalid(f"A payout that is {body['status']} cannot become {outcome}", param="outcome")
    if body["status"] == "pending" and outcome != "canceled":
        body = depart(work, body, account)
    code = (failure_code or "could_not_process") if outcome == "failed" else None
    after = end_payout(work, body, account, status=outcome, failure_code=code)
    bank = bank_of(work, body, account)
    if outcome == "failed" and bank is not None:
        set_bank_status(work, bank, "errored")
    return after


def depart(work: Work, body: Json, account: str) -> Json:
    """The payout left for the bank: it can no longer be canceled."""
    after = {**body, "status": "in_transit"}
    save(work, after)
    emit(work, "payout.updated", after, account=account, previous={"status": body["status"]})
    return after


def _payout(work: Work, id_: str) -> tuple[Json, str]:
    body = find_any(work, id_)
    if body is None or body["object"] != "payout":
        raise no_such("payout", id_)
    return body, owner(work, id_)
