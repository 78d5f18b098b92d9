"""The search language: what each text means, where each mistake is, and what a row must hold to pass."""

import random
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from portal.queries.log_language import log_vocabulary
from portal.queries.log_search import LogSearch
from portal.queries.search_language import BadQuery, parse
from portal.queries.search_nodes import Either, Every, Node, Not, Term, Text, written
from portal.queries.search_vocabulary import Vocabulary
from portal.queries.transaction_language import transaction_vocabulary
from portal.queries.transaction_search import TransactionSearch
from tests.queries.books import NOON, Event, Money, write, write_money

NOW = NOON + timedelta(days=3)
LOG, MONEY = log_vocabulary(NOW, "UTC"), transaction_vocabulary(NOW, "UTC")
VERBATIM = 'level:ERROR type:PAYOUT_* actor:ADMIN -type:CRON_* creator:c-7 amount>=100 "solde insuffisant"'


def short(node: Node | None) -> Any:
    """A tree in few characters: text as itself, terms with their value, lists for `and`, sets of | for `or`."""
    match node:
        case Text(text):
            return text
        case Term(name, operator, raw):
            return f"{name}{operator}{raw}"
        case Not(inner):
            return ("-", short(inner))
        case Every(parts):
            return [short(part) for part in parts]
        case Either(parts):
            return ("|", *(short(part) for part in parts))
    return None


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", None),
        ('""', None),
        ("solde", "solde"),
        ('a -b "c d"', ["a", ("-", "b"), "c d"]),
        ('solde "c d', ["solde", "c d"]),
        ('-"c d"', ("-", "c d")),
        ('"c ""d"" e"', 'c "d" e'),
        ('"c"d', ["c", "d"]),
        ("a - b", ["a", "-", "b"]),
        ("--a", ("-", "-a")),
        ('l"an', 'l"an'),
        ("f(x) (a)", ["f(x)", "a"]),
        ("a b OR c", ("|", ["a", "b"], "c")),
        ("a AND (b OR c)", ["a", ("|", "b", "c")]),
        ("a (b c) (d)", ["a", "b", "c", "d"]),
        ("NOT a NOT (b OR c)", [("-", "a"), ("-", ("|", "b", "c"))]),
        ("NOT NOT a", "a"),
        ("-(a b)", ("-", ["a", "b"])),
        ("or and not Or", ["or", "and", "not", "Or"]),
        ('"OR" ORDER', ["OR", "ORDER"]),
        ("level:ERROR", "level:ERROR"),
        ("LEVEL=error", "level:error"),
        ("niveau:ERROR", "level:ERROR"),
        ("level:(ERROR OR CRITICAL)", ("|", "level:ERROR", "level:CRITICAL")),
        ('status:("a b" OR c)', ("|", "status:a b", "status:c")),
        ("-type:CRON_*", ("-", "type:CRON_*")),
        ("creatorId:x creator:x", ["creator:x", "creator:x"]),
        ("amount>=100 amount:>=1,5 amount!=2", ["amount>=100", "amount>=1,5", "amount!=2"]),
        ('errorMessage:"a b"', "errorMessage:a b"),
        ("errorcode:x", "errorCode:x"),
        ("unheard:x", "unheard:x"),
        ("metadata.levle:x", "metadata.levle:x"),
        ("changes.price:3", "changes.price:3"),
        ("has:errorStack -has:note", ["has:errorStack", ("-", "has:note")]),
        ("TypeError: https://x.y/z views.py:12 10:30", ["TypeError:", "https://x.y/z", "views.py:12", "10:30"]),
        ("a >= b", ["a", ">=", "b"]),
        (VERBATIM.split(' "')[0] + " x", ["level:ERROR", "type:PAYOUT_*", "actor:ADMIN", ("-", "type:CRON_*"),
                                           "creator:c-7", "amount>=100", "x"]),
    ],
)  # fmt: skip
def test_a_text_is_read_as_it_says(text: str, tree: Any) -> None:
    node = parse(text, LOG)
    assert short(node) == tree
    assert parse(written(node), LOG) == node


WRONG = [
    ("levle:ERROR", "levle", "level"),
    ("solde amuont>=3", "amuont", "amount"),
    ("level:EROR", "EROR", "ERROR"),
    ("a level:x", "x", None),
    ("level:", "level:", None),
    ("a level: b", "level:", None),
    ('type:"', 'type:"', None),
    ("type:a*b", "a*b", None),
    ("type>PAYOUT", "PAYOUT", None),
    ("level:(ERROR OR NOPE)", "NOPE", None),
    ("actor:ROBOT", "ROBOT", None),
    ("requestId:12", "12", None),
    ("amount>=abc", "abc", None),
    ("amount>", "amount>", None),
    ("amount >= 100", "amount >= 100", "amount>=100"),
    ("from:tomorrow", "tomorrow", None),
    ("level:(ERROR CRITICAL) solde", "(ERROR CRITICAL)", "(ERROR OR CRITICAL)"),
    ("level:(ERROR OR", "(ERROR OR", "(ERROR)"),
    ("level:()", "()", None),
    ("has:", "has:", None),
    ('has:"a b"', '"a b"', None),
    ("has:levle", "levle", "level"),
    ("a (b c", "(b c", "(b c)"),
    ("a b)", ")", ""),
    ("()", "()", ""),
    ("OR a", "OR", ""),
    ("a OR", "OR", ""),
    ("a AND", "AND", ""),
    ("AND a", "AND", ""),
    ("a OR OR b", "OR", ""),
    ("a NOT", "NOT", ""),
    ("(" * 200 + "a" + ")" * 200, "(", None),
    ("NOT " * 100 + "a", "NOT", None),
    ("a " * 51, "a", None),
]


@pytest.mark.parametrize(("text", "wrong", "suggestion"), WRONG)
def test_a_mistake_is_found_where_it_is(text: str, wrong: str, suggestion: str | None) -> None:
    with pytest.raises(BadQuery) as refused:
        parse(text, LOG)
    error = refused.value
    assert text[error.position : error.position + error.length].strip() == wrong
    assert error.suggestion == suggestion
    assert error.expected
    if suggestion:
        assert error.corrected is not None
        assert suggestion in error.corrected


def test_a_bad_level_lists_the_levels() -> None:
    with pytest.raises(BadQuery) as refused:
        parse("level:EROR", LOG)
    assert refused.value.words["values"] == "INFO, WARNING, ERROR, CRITICAL"


def test_any_text_is_read_or_refused_and_what_is_read_can_be_written() -> None:
    chance = random.Random(11)
    pieces = [
        *("a", "bcd", " ", " ", "(", ")", '"', '""', "-", "NOT ", " OR ", " AND ", "level:", "ERROR", "amount"),
        *(">=", "!=", "=", ":", "12", "x:y", "*", "PAYOUT_*", "type:", "has:", "metadata.", "é", "\t", "(a OR b)"),
    ]
    texts = ["".join(chance.choices(pieces, k=chance.randrange(14))) for _ in range(4000)]
    results = [read_again(text, words) for text in texts for words in (LOG, MONEY)]
    assert results.count(True) > 2000


def read_again(text: str, words: Vocabulary) -> bool:
    """Whether a text is of the language; it is then what it is written as, and else the mistake lies in it."""
    error = None
    try:
        node = parse(text, words)
    except BadQuery as refused:
        error = refused
    if error is None:
        assert parse(written(node), words) == node, text
        return True
    assert 0 <= error.position < error.position + error.length <= len(text), text
    return False


def log_search(q: str, **more: str) -> LogSearch:
    return LogSearch.from_args(MultiDict({"q": q, **more}), now=NOW, tz="UTC")


def test_what_the_top_says_of_indexed_fields_is_read_as_their_parameters_are() -> None:
    same = {"level": "ERROR", "type": "PAYOUT_*", "actor": "ADMIN"}
    found = log_search(VERBATIM)
    plain = LogSearch.from_args(MultiDict([*same.items(), ("type", "-CRON_*")]), now=NOW, tz="UTC")
    assert (found.level, found.type, found.actor) == (plain.level, plain.type, plain.actor)
    assert found.text.words == ("solde insuffisant",)
    assert len(found.query.conditions) == 2
    request = "00000000-0000-0000-0000-000000000001"
    asked = log_search(f"actorId:a entity:p-1 requestId:{request} from:2026-11-01 to:2026-11-02")
    named = {"actorId": "a", "entity": "p-1", "requestId": request, "from": "2026-11-01", "to": "2026-11-02"}
    given = LogSearch.from_args(MultiDict(named), now=NOW, tz="UTC")
    for field in ("actor_id", "entity", "request_id", "period"):
        assert getattr(asked, field) == getattr(given, field), field
    assert log_search("level:(ERROR OR CRITICAL)").level.only == ("ERROR", "CRITICAL")
    assert log_search("level>=ERROR").level.only == ("ERROR", "CRITICAL")
    assert log_search("-(level:INFO OR level:WARNING)").level.without == ("INFO", "WARNING")
    assert log_search("level!=INFO").level.without == ("INFO",)
    assert log_search("level:INFO", level="ERROR").level.only == ("ERROR",)
    assert log_search("type:payout_*").type.only == ("PAYOUT_*",)


@pytest.mark.parametrize(
    ("q", "at"), [("ab", 0), ("solde OR ab", 9), ("  level:ERROR ab", 14), ("(solde OR ab) -x", 10), ('"ab"', 0)]
)
def test_short_text_is_refused_where_it_stands_unless_within_a_time(q: str, at: int) -> None:
    with pytest.raises(BadQuery) as refused:
        log_search(q)
    assert refused.value.position == at
    assert log_search(f"({q}) from:now-1h")
    assert log_search(q, **{"from": "now-1h"})
    assert log_search("solde ab (-x OR solde)")


ROWS: list[dict[str, Any]] = [
    {"amount": 100, "n": 0},
    {"amount": 99.99, "n": 1},
    {"amount": "100.50", "n": 2},
    {"amount": "1e3", "n": 3},
    {"amount": "12345678901234567.89", "n": 4},
    {"amount": None, "n": 5},
    {"amount": [100, "EUR"], "n": 6},
    {"amount": {"value": 100}, "n": 7},
    {"amount": True, "n": 8},
    {"n": 9, "errorCode": "insufficient_funds"},
    {"n": 10, "errorCode": "Insufficient_100%"},
    {"amount": "99,5", "n": 11},
    {"amount": -5, "n": 12},
]


@pytest.mark.parametrize(
    ("q", "numbers"),
    [
        ("amount>=100", [0, 2, 4]),
        ("amount>100", [2, 4]),
        ("amount<100", [1, 11, 12]),
        ("amount<=99,99", [1, 11, 12]),
        ("amount<-4.5", [12]),
        ("amount=100.5", [2]),
        ("amount:100", [0, 6]),
        ("amount:100.00", [0, 6]),
        ("amount:1e3", [3]),
        ("amount:true", [8]),
        ("amount.value=100", [7]),
        ("amount.1:EUR", [6]),
        ("amount:EUR", [6]),
        ("amount!=100", [1, 2, 3, 4, 7, 8, 11, 12]),
        ("-amount:100", [1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12]),
        ("has:amount", [0, 1, 2, 3, 4, 6, 7, 8, 11, 12]),
        ("-has:amount", [5, 9, 10]),
        ("-has:errorCode -has:amount", [5]),
        ("errorCode:insufficient_funds", [9]),
        ("errorCode:insuff*", [9]),
        ("errorCode:Insufficient_100%", [10]),
        ("errorCode:*", [9, 10]),
        ("errorCode!=insufficient_funds", [10]),
        ("-errorCode:insufficient_funds n>8", [10, 11, 12]),
        ("(amount>=100 OR errorCode:insuff*) -amount>=1000", [0, 2, 9]),
        ("-(amount>=100 OR has:errorCode) n<12", [1, 3, 5, 6, 7, 8, 11]),
        ("n>=3 AND n<5 OR n=9", [3, 4, 9]),
    ],
)
def test_metadata_is_compared_only_where_it_is_a_number(session: Session, q: str, numbers: list[int]) -> None:
    write(session, [Event(details=details) for details in ROWS])
    page = log_search(q).page(session)
    assert sorted(row.details["n"] for row in page.rows) == numbers


def test_an_event_of_the_specifications_example_is_found_in_both_books(session: Session) -> None:
    about = {"creatorId": "c-7", "amount": 150.5}
    rows = [
        Event("PAYOUT_FAILED", "ERROR", "ADMIN", message="Payout échoué : Solde insuffisant", details=about),
        Event("PAYOUT_FAILED", "ERROR", "ADMIN", message="Solde insuffisant", details=about | {"amount": 99}),
        Event("PAYOUT_PAID", "INFO", "ADMIN", message="Solde insuffisant", details=about),
    ]
    ids = write(session, rows)
    assert [row.id for row in log_search(VERBATIM).page(session).rows] == ids[:1]
    named = Money("PAYOUT_FAILED", amount_minor=15050, currency="EUR", error_message="solde insuffisant",
                  details={"creatorId": "c-7"})  # fmt: skip
    money = [named, replace(named, details={})]
    ids = write_money(session, money)
    found = TransactionSearch.from_args(
        MultiDict({"q": VERBATIM.replace("ADMIN", "SYSTEM")}), now=NOW, tz="UTC"
    ).page(session)
    assert [row.id for row in found.rows] == ids[:1]


@pytest.mark.parametrize(
    ("q", "numbers"),
    [
        ("amount>=10", [0, 1]),
        ("amount>9.998 currency:TND", [2]),
        ("amount=10", [0]),
        ("amount!=10", [1, 2]),
        ("amount<10,0005", None),
        ("amount<9.995", []),
        ("amount<=10 -amount:10", [2]),
        ("currency:eur", [0]),
        ("currency!=EUR", [1, 2]),
        ("-currency:EUR", [1, 2, 3]),
        ("has:amount", [0, 1, 2]),
        ("type:REFUND_*", [3]),
        ("type:CRON_*", []),
        ("-type:CRON_* status:PAID", [1]),
        ("payout:p-9 OR entity:r-1", [0, 3]),
        ("payment!=x", []),
        ("level:ERROR", [3]),
        ("level<ERROR entityType:PAYOUT", [0, 1, 2]),
        ("event:evt_1", [1]),
        ("type:NOTHING", None),
        ("currency:EURO", None),
    ],
)
def test_the_book_of_money_has_words_of_its_own(session: Session, q: str, numbers: list[int] | None) -> None:
    rows = [
        Money(amount_minor=1000, currency="EUR", payout_id="p-9"),
        Money(amount_minor=1000, currency="JPY", status="PAID", stripe_event_id="evt_1"),
        Money(amount_minor=9999, currency="TND"),
        Money("REFUND_FAILED", "REFUND", "r-1"),
    ]
    ids = write_money(session, rows)
    if numbers is None:
        with pytest.raises(BadQuery):
            TransactionSearch.from_args(MultiDict({"q": q}), now=NOW, tz="UTC")
        return
    found = TransactionSearch.from_args(MultiDict({"q": q}), now=NOW, tz="UTC").page(session)
    assert sorted(ids.index(row.id) for row in found.rows) == numbers


def test_numbers_keep_every_digit() -> None:
    term = parse("amount>=12345678901234567890.123456", LOG)
    assert isinstance(term, Term)
    assert term.value == Decimal("12345678901234567890.123456")
