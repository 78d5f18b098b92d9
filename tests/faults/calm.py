"""After the storm: Stripe answers, every event arrives, one process sweeps, and the ledger judges."""

from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from flask import Flask
from sqlalchemy import select, text

from portal.models import InboxState, Payout, StripeEvent
from portal.models import PayoutStatus as S
from tests.faults.bank import Bank
from tests.faults.labour import Labourer
from tests.faults.moments import SharedClock
from tests.faults.oracle import Books, Ledger, disagreements, duplicates, unbalanced, unsent

CREATORS = 60
FUNDED = 100_000_000
PASSES = 60
MOVING = (S.APPROVED, S.SUBMITTING, S.PROCESSING)
QUEUE_AGAIN = "update stripe_event set state = 'RECEIVED', tries = 0, next_try_at = now() where state = 'DEAD'"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the ledger says of the run."""

    figures: dict[str, int]
    sentences: list[str]

    @property
    def is_clean(self) -> bool:
        """Nothing was paid twice, forgotten, or told otherwise than it is."""
        return not self.sentences


class Calm(Labourer):
    """One process that lives."""

    def __init__(self, app: Flask, bank: Bank, clock: SharedClock, admins: list[UUID], seed: int) -> None:
        super().__init__(app, clock, [], admins, seed)
        self.bank = bank

    def judge(self, accounts: list[str]) -> Verdict:
        """Sweep until nothing moves any more, then compare."""
        self.bank.recover()
        passes = next((n for n in range(PASSES) if not self.sweep_once()), PASSES)
        ledger, books = self.bank.ledger(), Books(self.session)
        found = {
            "duplicates": duplicates(ledger),
            "unsent": unsent(books, ledger),
            "disagreements": disagreements(books, ledger, settled=True) + self.unbalanced(ledger, accounts),
            "unprocessed events": self.unprocessed(),
        }
        statuses = Counter(str(payout.status) for payout in books.payouts)
        figures = {
            "payouts": len(books.payouts),
            "at Stripe": len(ledger["payouts"]),
            **dict(sorted(statuses.items())),
        }
        figures |= {"attempts": len(books.attempts), "sweeps": passes}
        figures |= {name: len(sentences) for name, sentences in found.items()}
        return Verdict(figures, [f"{name}: {one}" for name, sentences in found.items() for one in sentences])

    def sweep_once(self) -> bool:
        """Deliver, process, send and decide what waits; whether anything was still on its way."""
        self.clock.move(minutes=150)  # beyond the longest back-off
        self.bank.advance()
        undelivered = self.bank.undelivered()
        self.bank.deliver(events=undelivered, order="random", seed=len(undelivered))
        self.session.execute(text(QUEUE_AGAIN))
        self.session.commit()
        self.process_all()
        for payout_id in self.those(S.APPROVED, S.SUBMITTING):
            self.verbs.send(payout_id)
        for payout_id in self.those(S.REVIEW):
            self.act(lambda payout_id=payout_id: self.verbs.retry(self.admin(), payout_id))
        return bool(undelivered or self.those(*MOVING, S.REVIEW) or self.unprocessed())

    def process_all(self) -> None:
        """Every stored event, however many."""
        for _ in range(1 + len(self.unprocessed()) // 20):
            self.process()

    def those(self, *status: S) -> list[UUID]:
        """Ids of the payouts that stand so."""
        self.session.rollback()
        return list(self.session.scalars(select(Payout.id).where(Payout.status.in_(status))))

    def unprocessed(self) -> list[str]:
        """Events that wait, or were given up."""
        self.session.rollback()
        waiting = (InboxState.RECEIVED, InboxState.DEAD)
        query = select(StripeEvent.id, StripeEvent.last_error).where(StripeEvent.state.in_(waiting))
        return [f"{id_}: {error}" for id_, error in self.session.execute(query)]

    def unbalanced(self, ledger: Ledger, accounts: list[str]) -> list[str]:
        """Accounts whose balance is not what they were given less what their live payouts took."""
        moves: Counter[str] = Counter()
        for row in ledger["balance_transactions"]:
            moves[row["account"]] += row["net"]
        found = (unbalanced(moves[account], FUNDED, ledger, account) for account in accounts)
        return [sentence for sentence in found if sentence]
