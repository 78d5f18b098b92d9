"""Random searches, each with its plain meaning, and the log's terms."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from portal.models.log import TRACED_KEYS
from tests.queries.books import NOON, Event
from tests.queries.test_log_search import LEVELS, REQUESTS, TYPES, is_type, mixed_rows, searched_text

Meaning = Callable[[Any], bool]
"""Whether a row of a book passes."""
Case = tuple[str, Meaning]
Leaf = Callable[[random.Random], Case]
AMOUNTS: tuple[Any, ...] = (5, 99.99, 100, "100.50", "99,5", "1e3", None, [100, "EUR"], {"value": 7}, True, -3)
COMPARE: dict[str, Callable[[Decimal, Decimal], bool]] = {
    ">=": Decimal.__ge__,
    ">": Decimal.__gt__,
    "<=": Decimal.__le__,
    "<": Decimal.__lt__,
}


def rows_with_amounts() -> list[Event]:
    """The mixed rows; most have an amount, of every form that writers gave one."""
    return [
        replace(e, details={**e.details, "amount": AMOUNTS[n % 11]}) if n % 4 else e
        for n, e in enumerate(mixed_rows())
    ]


def number(value: Any) -> Decimal | None:
    """A number, or a text that is written as one."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)) or "e" in str(value):
        return None
    try:
        return Decimal(str(value).replace(",", "."))
    except InvalidOperation:
        return None


def has_word(word: str) -> Meaning:
    return lambda e: word.lower() in searched_text(e)


def has_level(wanted: set[str]) -> Meaning:
    return lambda e: e.level in wanted


def compares(operator: str, wanted: str) -> Meaning:
    def test(e: Event) -> bool:
        found = number(e.details.get("amount"))
        return found is not None and COMPARE[operator](found, Decimal(wanted.replace(",", ".")))

    return test


def equals(key: str, wanted: str, *, other: bool = False) -> Meaning:
    """Equal to a metadata value, or to an element of a list; `other`: there, and not equal."""

    def test(e: Event) -> bool:
        value = e.details.get(key)
        elements = value if isinstance(value, list) else [value]
        same = any(
            each == wanted or (number(each) is not None and number(each) == number(wanted)) for each in elements
        )
        return value is not None and not same if other else same

    return test


def moment_case(chance: random.Random) -> Case:
    """A bound of time, which may stand anywhere in a search."""
    bound = NOON - timedelta(hours=chance.choice((0, 9, 100, 200, 400, 1000)))
    if chance.random() < 0.5:
        return f'from:"{bound.isoformat()}"', lambda row: row.at >= bound
    return f"to:{bound:%Y-%m-%dT%H:%M:%S}Z", lambda row: row.at < bound


def log_leaf(chance: random.Random) -> Case:
    """One term of the log's."""
    level, type_, n = (
        chance.choice(LEVELS),
        chance.choice([*TYPES, "PAYOUT_*", "CRON_", "NOTHING_*"]),
        chance.randrange(5),
    )
    operator, amount = chance.choice(sorted(COMPARE)), chance.choice(("100", "99,5", "99.99", "-3", "0", "7"))
    key, word = (
        chance.choice(TRACED_KEYS),
        chance.choice(("solde", "échoué", "100%", "a_b", "zébu", "payout", "réussie")),
    )
    above = set(LEVELS[LEVELS.index(level) :])
    cases: list[Case] = [
        (word, has_word(word)),
        ('"solde insuffisant"', has_word("Solde insuffisant")),
        (f"level:{level}", has_level({level})),
        (f"level>={level}", has_level(above)),
        (f"level!={level}", has_level({*LEVELS} - {level})),
        (f"level:(INFO OR {level})", has_level({"INFO", level})),
        (f"type:{type_}", lambda e: is_type(type_, e.type)),
        (f"type!={type_}", lambda e: not is_type(type_, e.type)),
        ("actor:SYSTEM", lambda e: e.actor == "SYSTEM"),
        (f"actorId:id-{n}", lambda e: e.actor_id == f"id-{n}"),
        (f"actorId!=id-{n}", lambda e: e.actor_id not in {None, f"id-{n}"}),
        (f"entity:id-{n}", lambda e: f"id-{n}" in {e.details.get(k) for k in TRACED_KEYS}),
        (f"{key}:id-{n}", lambda e: e.details.get(key) == f"id-{n}"),
        (f"{key.removesuffix('Id')}!=id-{n}", lambda e: e.details.get(key) not in {None, f"id-{n}"}),
        (f"amount{operator}{amount}", compares(operator, amount)),
        (f"amount:{amount}", equals("amount", amount)),
        (f"amount!={amount}", equals("amount", amount, other=True)),
        (f"note:id-{n}", equals("note", f"id-{n}")),
        ("note:id-*", lambda e: str(e.details.get("note", "")).startswith("id-")),
        ("metadata.nested.list:Zébu", lambda e: "nested" in e.details),
        ("has:amount", lambda e: e.details.get("amount") is not None),
        (f"has:{key}", lambda e: e.details.get(key) is not None),
        ("message:solde", lambda e: "solde" in e.message.lower()),
        (f"user:id-{n}", lambda e: e.actor_id == f"id-{n}"),
        (f"niveau={level.lower()}", has_level({level})),
        ("type:(payout_* OR USER_LOGIN)", lambda e: e.type.startswith(("PAYOUT_", "USER_LOGIN"))),
        (f"requestId:{REQUESTS[n % 3]}", lambda e: e.request_id == REQUESTS[n % 3]),
        ("has:actorId", lambda e: e.actor_id is not None),
        moment_case(chance),
    ]
    return chance.choice(cases)


def search_case(chance: random.Random, leaf: Leaf, depth: int = 3) -> Case:
    """A search of several terms, and what it means."""
    if depth == 0 or chance.random() < 0.25:
        return leaf(chance)
    parts = [search_case(chance, leaf, depth - 1) for _ in range(chance.randrange(1, 4))]
    tests = [test for _, test in parts]
    match chance.randrange(5):
        case 0:
            return f"({' OR '.join(t for t, _ in parts)})", lambda e: any(test(e) for test in tests)
        case 1:
            return f"-({' '.join(t for t, _ in parts)})", lambda e: not all(test(e) for test in tests)
        case 2:
            return f"NOT ({' OR '.join(t for t, _ in parts)})", lambda e: not any(test(e) for test in tests)
        case 3:
            return f"({' AND '.join(t for t, _ in parts)})", lambda e: all(test(e) for test in tests)
    return " ".join(f"({t})" if " OR " in t else t for t, _ in parts), lambda e: all(test(e) for test in tests)
