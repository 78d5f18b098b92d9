"""The demo while it is made up: its people, their balances, its rows and its objects at the local Stripe."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from portal.demo.cast import Part, Standing
from portal.demo.chance import DAY, Chance
from portal.demo.rows import Books, Facts, Operation

DAYS = 90
API_VERSION = "2026-10-28.endive"
RATES = {"EUR": Decimal(1), "GBP": Decimal("0.85"), "CHF": Decimal("0.95"), "USD": Decimal("1.1")}
YEN_A_CENT = Decimal("1.6")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a sign-in."""

    id: UUID
    name: str
    email: str


@dataclass(slots=True)
class Till:
    """A creator's balance at Stripe: the sum of its movements, in minor units."""

    moves: list[tuple[datetime, int]] = field(default_factory=list)

    def available(self, at: datetime) -> int:
        """What can be paid out at a moment."""
        return sum(net for moment, net in self.moves if moment <= at)

    def spendable(self, at: datetime) -> int:
        """What can be paid out at a moment so that the balance never turns negative later."""
        lowest = total = self.available(at)
        for _, net in sorted(move for move in self.moves if move[0] > at):
            total += net
            lowest = min(lowest, total)
        return lowest


@dataclass(slots=True)
class Seller:
    """A creator with everything the story needs to know."""

    id: UUID
    person: Person
    part: Part
    account: str | None
    bank: str
    row: Facts
    till: Till = field(default_factory=Till)

    @property
    def currency(self) -> str:
        """The currency the creator sells in."""
        return self.part.currency

    @property
    def sells(self) -> bool:
        """Whether people can pay this creator."""
        return self.part.standing not in {Standing.NO_ACCOUNT, Standing.REQUIREMENTS_DUE}

    def minor(self, cents: int) -> int:
        """About as much as `cents` of a euro, in round minor units of the creator's currency."""
        if self.currency == "JPY":
            return int(cents * YEN_A_CENT) // 100 * 100
        return int(cents * RATES[self.currency]) // 50 * 50


@dataclass(slots=True)
class World:
    """Everything made up so far, and the chance that decides what comes next."""

    now: datetime
    chance: Chance
    fee_percent: Decimal
    books: Books = field(default_factory=Books)
    objects: list[dict[str, Any]] = field(default_factory=list)
    departing: list[str] = field(default_factory=list)
    admins: list[Person] = field(default_factory=list)
    users: list[Person] = field(default_factory=list)
    sellers: dict[str, Seller] = field(default_factory=dict)

    @property
    def start(self) -> datetime:
        """Where the story begins."""
        return self.now - DAYS * DAY

    def ago(self, days: float) -> datetime:
        """A moment so many days ago."""
        return self.now - timedelta(days=days)

    def operation(self, at: datetime) -> Operation:
        """A new operation that begins at a moment."""
        return Operation(self.books, self.chance, at)

    def move(
        self, seller: Seller, at: datetime, amount: int, *, kind: str, source: str | None, **more: Any
    ) -> str:
        """A movement on a creator's balance, here and at the local Stripe; returns its id there."""
        ready = more.pop("ready", at)
        fee = more.pop("fee", 0)
        seller.till.moves.append((ready, amount - fee))
        txn: Facts = {
            "object": "balance_transaction",
            "id": self.chance.stripe_id("txn"),
            "account": seller.account,
        }
        txn |= {"amount": amount, "fee": fee, "currency": seller.currency.lower(), "type": kind, "source": source}
        txn |= {"created": stamp(at), "available_on": stamp(ready), "reporting_category": kind, **more}
        self.objects.append(txn)
        return str(txn["id"])


def stamp(at: datetime) -> int:
    """A moment as Stripe writes it."""
    return int(at.timestamp())
