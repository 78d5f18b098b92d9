"""Random terms of the book of money, each with its plain meaning."""

import random
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

from tests.queries.books import Money
from tests.queries.terms import AMOUNTS, COMPARE, Case, Meaning, moment_case, number
from tests.queries.test_transaction_search import CURRENCIES, ENTITIES, EVENTS, REQUESTS, mixed_rows

ACTORS = ("USER", "ADMIN", "SYSTEM")
DECIMALS = {"EUR": 2, "JPY": 0, "TND": 3}
LEVELS = ["INFO", "WARNING", "ERROR", "CRITICAL"]
STARTS = ("PAYOUT_*", "REFUND_", "DISPUTE_*", "*", "USER_*")


def money_rows() -> list[Money]:
    """The mixed rows with actors and metadata of every form."""
    return [
        replace(
            row,
            actor=ACTORS[n % 3],
            actor_id=f"id-{n % 4}" if n % 4 else None,
            details={**row.details, **({"elapsedMs": AMOUNTS[n % 11]} if n % 4 else {}), **_named(n)},
        )
        for n, row in enumerate(mixed_rows())
    ]


def _named(n: int) -> dict[str, Any]:
    names = {"creatorId": f"id-{n % 7}", "bookingId": [f"id-{n % 5}", "more"], "userId": f"id-{n % 3}"}
    return {key: value for place, (key, value) in enumerate(names.items()) if n % (place + 2)}


def level_of(row: Money) -> str:
    """How serious a financial event is."""
    if row.event_type.endswith("_FAILED"):
        return "ERROR"
    return "WARNING" if row.event_type == "DISPUTE_CREATED" else "INFO"


def holds(word: str) -> Meaning:
    """Whether the searched text of a row holds a word."""

    def values(value: Any) -> Iterator[str]:
        nested = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
        if nested is None:
            yield "" if value is None else str(value)
        else:
            for item in nested:
                yield from values(item)

    def test(row: Money) -> bool:
        own = [row.event_type, row.entity_id, row.status or "", row.error_message or ""]
        return word.lower() in "\n".join([*own, *values(row.details)]).lower()

    return test


def amount_is(operator: str, wanted: str) -> Meaning:
    """How the amount, in the decimals of its own currency, compares."""
    value = Decimal(wanted.replace(",", "."))

    def test(row: Money) -> bool:
        if row.amount_minor is None or row.currency is None:
            return False
        amount = Decimal(row.amount_minor).scaleb(-DECIMALS[row.currency])
        return {":": Decimal.__eq__, "!=": Decimal.__ne__, **COMPARE}[operator](amount, value)

    return test


def elapsed_is(operator: str, wanted: str) -> Meaning:
    """How a number of the metadata compares."""

    def test(row: Money) -> bool:
        found = number(row.details.get("elapsedMs"))
        return found is not None and COMPARE[operator](found, Decimal(wanted.replace(",", ".")))

    return test


def is_or_not(name: str, attribute: str, value: str, chance: random.Random) -> Case:
    """A column that is a value; or that is there, and another."""
    if chance.random() < 0.7:
        return f"{name}:{value}", lambda row: getattr(row, attribute) == value
    return f"{name}!={value}", lambda row: getattr(row, attribute) not in {None, value}


def of_type(chance: random.Random) -> Case:
    """A type, or the beginning of several."""
    wanted = chance.choice([*EVENTS, *STARTS])
    start = wanted.rstrip("*")

    def test(row: Money) -> bool:
        return row.event_type.startswith(start) if wanted.endswith(("*", "_")) else row.event_type == wanted

    if chance.random() < 0.7:
        return f"type{chance.choice(':=')}{chance.choice((wanted, wanted.lower()))}", test
    return f"eventType!={wanted}", lambda row: not test(row)


def of_level(chance: random.Random) -> Case:
    """The level that a type stands for."""
    level = chance.choice(LEVELS)
    operator = chance.choice((":", "!=", ">=", "<"))
    place = LEVELS.index(level)
    tests: dict[str, Meaning] = {
        ":": lambda row: level_of(row) == level,
        "!=": lambda row: level_of(row) != level,
        ">=": lambda row: LEVELS.index(level_of(row)) >= place,
        "<": lambda row: LEVELS.index(level_of(row)) < place,
    }
    return f"level{operator}{level}", tests[operator]


def of_column(chance: random.Random) -> Case:
    """A column with a single value."""
    n = chance.randrange(6)
    columns = [
        ("entityId", "entity_id", f"id-{n}"),
        ("entityType", "entity_type", chance.choice(ENTITIES)),
        ("payment", "payment_id", f"id-{n}"),
        ("payoutId", "payout_id", f"id-{n}"),
        ("remboursement", "refund_id", f"id-{n}"),
        ("event", "stripe_event_id", f"evt_{n}"),
        ("status", "status", chance.choice(("PAID", "FAILED", "NEW"))),
        ("currency", "currency", str(chance.choice(CURRENCIES[:3]))),
        ("actor", "actor", chance.choice(ACTORS)),
        ("actorId", "actor_id", f"id-{n}"),
    ]
    return is_or_not(*chance.choice(columns), chance)


def of_anything(chance: random.Random) -> Case:
    """Amounts, metadata, text, time, presence."""
    operator, n = chance.choice(sorted(COMPARE)), chance.randrange(6)
    amount = chance.choice(("0", "100", "9,97", "9.97", "19.94", "9970", "-1", "100.005", "29.91"))
    owned = ("entity_id", "payment_id", "payout_id", "refund_id", "stripe_event_id")
    word = chance.choice(("refusée", "100%", "zébu", "payout", "a_b", "FAILED", "evt", "more", "id-1"))
    cases: list[Case] = [
        (f"amount{operator}{amount}", amount_is(operator, amount)),
        (f"montant:{amount}", amount_is(":", amount)),
        (f"amount!={amount}", amount_is("!=", amount)),
        (f"elapsedMs{operator}100", elapsed_is(operator, "100")),
        (f"entity:id-{n}", lambda row: f"id-{n}" in {getattr(row, name) for name in owned}),
        (f"user:id-{n}", lambda row: f"id-{n}" in {row.details.get("userId"), row.actor_id}),
        (f"creator:id-{n}", lambda row: row.details.get("creatorId") == f"id-{n}"),
        (f"creator!=id-{n}", lambda row: row.details.get("creatorId") not in {None, f"id-{n}"}),
        (f"booking:id-{n}", lambda row: f"id-{n}" in row.details.get("bookingId", ())),
        (f"requestId:{REQUESTS[n % 3]}", lambda row: row.request_id == REQUESTS[n % 3]),
        (f'note:"zébu {n}"', lambda row: row.details["note"] == f"zébu {n}"),
        ("metadata.note:zébu*", lambda _: True),
        (word, holds(word)),
        ('"carte refusée"', holds("Carte refusée")),
        (f'"zébu {n}"', holds(f"zébu {n}")),
        ("has:amount", lambda row: row.amount_minor is not None),
        ("has:elapsedMs", lambda row: row.details.get("elapsedMs") is not None),
        ("has:payout", lambda row: row.payout_id is not None),
        ("has:creator", lambda row: "creatorId" in row.details),
        ("has:status", lambda row: row.status is not None),
        (f"status:(PAID OR {word!s})", lambda row: row.status in {"PAID", word}),
        moment_case(chance),
    ]
    return chance.choice(cases)


def money_leaf(chance: random.Random) -> Case:
    """One term of the book of money."""
    return chance.choice((of_type, of_level, of_column, of_column, of_anything, of_anything, of_anything))(chance)
