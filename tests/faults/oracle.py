"""What the portal's books say against what Stripe's ledger shows: the judge of every fault test."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.domain.payouts.facts import reserved_minor
from portal.models import Log, Payout, PayoutAttempt, PayoutStatus, TransactionLog
from portal.models.payout import RESERVED
from portal.stripe_sandbox.sandbox import Sandbox

S = PayoutStatus
Ledger = dict[str, list[dict[str, Any]]]
DEAD = ("failed", "canceled")
ON_ITS_WAY = ("pending", "in_transit")

MAY_SHOW: dict[PayoutStatus, tuple[str, ...]] = {
    S.PROCESSING: (*ON_ITS_WAY, "paid", "failed", "canceled"),
    S.PAID: ("paid", "failed"),
    S.FAILED: ("failed",),
    S.RETURNED: ("failed",),
    S.CANCELED: ("canceled",),
}
"""What Stripe may show of the payout whose id the row holds, as long as events are still on their way."""

MUST_SHOW = MAY_SHOW | {S.PROCESSING: ON_ITS_WAY, S.PAID: ("paid",)}
"""The same once every event was processed."""

FINAL = (S.PROCESSING, S.PAID, S.FAILED, S.RETURNED, S.REJECTED, S.CANCELED)
CREATIONS = {
    "review": {"PAYOUT_APPROVAL_STRIPE_CREATION", "PAYOUT_APPROVAL_SUCCESS"},
    "auto": {"PAYOUT_REQUEST_STRIPE_CREATION", "PAYOUT_REQUEST_STRIPE_CREATION_SUCCESS"},
}
MONEY = {
    "PAYOUT_PAID": ("PAYOUT_PAID",),
    "PAYOUT_FAILED": ("PAYOUT_FAILED", "PAYOUT_RETURNED"),
}
"""Types of the book of money, and the rows of `log` that each of its rows stands beside."""


def live(ledger: Ledger, payout_id: UUID | str) -> list[dict[str, Any]]:
    """Stripe's payouts for one of ours that neither failed nor were cancelled."""
    return [seen for seen in of(ledger, payout_id) if seen["status"] not in DEAD]


def of(ledger: Ledger, payout_id: UUID | str) -> list[dict[str, Any]]:
    """Stripe's payouts for one of ours, oldest first."""
    return [seen for seen in ledger["payouts"] if seen["metadata"].get("payout_id") == str(payout_id)]


def duplicates(ledger: Ledger) -> list[str]:
    """Payouts that Stripe pays twice, and attempts that it ever executed twice."""
    alive = Counter(seen["metadata"].get("payout_id") for seen in ledger["payouts"] if seen["status"] not in DEAD)
    executed = Counter(seen["metadata"].get("attempt_id") for seen in ledger["payouts"])
    wrong = [f"payout {id_}: {n} live at Stripe" for id_, n in alive.items() if id_ and n > 1]
    return wrong + [f"attempt {id_}: executed {n} times" for id_, n in executed.items() if id_ and n > 1]


@dataclass
class Books:
    """Everything that the portal has recorded, read at one moment."""

    session: Session

    def __post_init__(self) -> None:
        self.session.rollback()
        self.session.expire_all()
        self.payouts = list(self.session.scalars(select(Payout)))
        self.attempts = list(self.session.scalars(select(PayoutAttempt).order_by(PayoutAttempt.n)))
        self.log: dict[str, list[str]] = {}
        for type_, payout_id in self.session.execute(
            select(Log.type, Log.details["payoutId"].astext).order_by(Log.id)
        ):
            self.log.setdefault(payout_id or "", []).append(type_)
        self.money: dict[str, list[TransactionLog]] = {}
        for row in self.session.scalars(select(TransactionLog).order_by(TransactionLog.id)):
            self.money.setdefault(row.payout_id or "", []).append(row)

    def attempts_of(self, payout: Payout) -> list[PayoutAttempt]:
        """The attempts of a payout, oldest first."""
        return [attempt for attempt in self.attempts if attempt.payout_id == payout.id]


def unsent(books: Books, ledger: Ledger) -> list[str]:
    """Payouts that were approved, and that neither reached Stripe nor were refused or taken back."""
    waiting = (S.APPROVED, S.SUBMITTING, S.REVIEW)
    lost = [payout for payout in books.payouts if payout.status in waiting]
    sent = {attempt.payout_id for attempt in books.attempts if attempt.stripe_payout_id}
    gone = [p for p in books.payouts if p.status in {S.PROCESSING, S.PAID} and p.id not in sent]
    return [
        f"payout {payout.id}: {payout.status} and {len(of(ledger, payout.id))} at Stripe" for payout in lost + gone
    ]


def disagreements(books: Books, ledger: Ledger, *, settled: bool = False) -> list[str]:
    """Where books and bank differ; `settled` says that nothing is on its way any more."""
    seen = {row["id"]: row for row in ledger["payouts"]}
    wrong = list(_several_open(books))
    for payout in books.payouts:
        wrong += [
            f"payout {payout.id} ({payout.status}): {what}" for what in _of_payout(books, payout, seen, settled)
        ]
        wrong += [f"payout {payout.id}: {what}" for what in _of_rows(books, payout)]
    if settled:
        wrong += _unknown_to_us(books, ledger)
    return wrong


def _several_open(books: Books) -> Iterator[str]:
    open_ = Counter((p.creator_id, p.currency) for p in books.payouts if p.status in RESERVED)
    yield from (f"creator {who}: {n} open payouts in {what}" for (who, what), n in open_.items() if n > 1)


def _of_payout(books: Books, payout: Payout, seen: dict[str, Any], settled: bool) -> Iterator[str]:
    """The row against the payout at Stripe whose id it holds."""
    shown = MUST_SHOW if settled else MAY_SHOW
    if payout.stripe_payout_id is None:
        if payout.status in {S.PROCESSING, S.PAID, S.RETURNED}:
            yield "without Stripe's id"
        return
    bank = seen.get(payout.stripe_payout_id)
    if bank is None:
        yield f"{payout.stripe_payout_id} is not at Stripe"
        return
    mine = (payout.amount_minor, payout.currency.lower(), payout.stripe_account_id, str(payout.id))
    theirs = (bank["amount"], bank["currency"], bank["account"], bank["metadata"].get("payout_id"))
    if mine != theirs:
        yield f"{mine} here, {theirs} at Stripe"
    if bank["status"] not in shown.get(payout.status, ()):
        yield f"{bank['status']} at Stripe"
    if payout.stripe_payout_id not in {attempt.stripe_payout_id for attempt in books.attempts_of(payout)}:
        yield f"no attempt holds {payout.stripe_payout_id}"


def _of_rows(books: Books, payout: Payout) -> Iterator[str]:
    """The payout against its rows in the two books."""
    types = Counter(books.log.get(str(payout.id), []))
    money = books.money.get(str(payout.id), [])
    counts = Counter(row.event_type for row in money)
    if counts["PAYOUT_CREATED"] != 1:
        yield f"created {counts['PAYOUT_CREATED']} times in the book of money"
    for type_, beside in MONEY.items():
        if counts[type_] != sum(types[name] for name in beside):
            yield f"{counts[type_]} rows {type_} beside {dict(types)}"
    if any(row.amount_minor not in {None, payout.amount_minor} for row in money):
        yield "another amount in the book of money"
    other = CREATIONS["auto" if payout.route == "review" else "review"]
    if other & set(types):
        yield f"both families of creation events: {sorted(types)}"
    created = sum(attempt.stripe_payout_id is not None for attempt in books.attempts_of(payout))
    if types["PAYOUT_PROCESSING"] != created:
        yield f"{types['PAYOUT_PROCESSING']} rows PAYOUT_PROCESSING for {created} created attempts"


def _unknown_to_us(books: Books, ledger: Ledger) -> Iterator[str]:
    """What lives at Stripe in our name, and which no row holds as its own."""
    held = {payout.stripe_payout_id for payout in books.payouts}
    for row in ledger["payouts"]:
        if row["metadata"].get("payout_id") and row["status"] not in DEAD and row["id"] not in held:
            yield f"{row['id']}: {row['status']} at Stripe, held by no payout"


def unbalanced(sandbox_balance: int, funded: int, ledger: Ledger, account: str) -> str | None:
    """What left an account's balance is what its live payouts say."""
    out = sum(
        row["amount"] for row in ledger["payouts"] if row["account"] == account and row["status"] not in DEAD
    )
    if sandbox_balance == funded - out:
        return None
    return f"account {account}: {sandbox_balance} left of {funded}, {out} paid out"


def assert_books_agree(
    session: Session,
    sandbox: Sandbox,
    payout: Payout,
    status: PayoutStatus | str | tuple[str, ...],
    *,
    reserved: int = 0,
    rows: list[str] | None = None,
    settled: bool = True,
) -> Payout:
    """One case's verdict: at most one live payout at Stripe, status, audit rows in order, reservation."""
    ledger, books = sandbox.ledger(), Books(session)
    now = session.get_one(Payout, payout.id, populate_existing=True)
    assert now.status in (status if isinstance(status, tuple) else (status,)), now.status
    assert duplicates(ledger) == []
    assert disagreements(books, ledger, settled=settled) == []
    assert len(live(ledger, payout.id)) == (now.status in {S.PROCESSING, S.PAID}) or not settled
    assert reserved_minor(session, now.creator_id, now.currency) == reserved
    if rows is not None:
        told = iter(books.log.get(str(payout.id), []))
        missing = [type_ for type_ in rows if type_ not in told]
        assert missing == [], f"{missing} missing, in this order, from {books.log.get(str(payout.id))}"
    return now
