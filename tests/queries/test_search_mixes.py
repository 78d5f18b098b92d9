"""Boxes, links and the two forms of a search, over every mix of parameters and language: one consistent query.

What a box is said to be (checked or not), what clicking it does and what either form of a search finds are
compared with a plain filter over the rows.
"""

import os
import random
from collections.abc import Sequence

import pytest
from sqlalchemy.orm import Session

from portal.queries.log_language import log_forms
from portal.queries.search_forms import Pair
from portal.queries.transaction_language import transaction_forms
from tests.queries.terms import Meaning
from tests.queries.test_explorer_property import BOOKS, Args, Book, address, asked
from tests.queries.test_log_search import NOW

CASES = int(os.environ.get("MIX_CASES", "150"))
FORMS = {"log": log_forms(NOW, "UTC"), "transaction_log": transaction_forms(NOW, "UTC")}
SETS = {"log": ("level", "type", "actor"), "transaction_log": ("eventType", "entityType")}


def found(session: Session, book: Book, args: Sequence[Pair]) -> set[int] | None:
    """The ids of the rows that an address shows; None where it is refused for bounds that do not meet."""
    wanted = asked(book, [*args], limit=1000)
    return None if wanted is None else {row.id for row in wanted.page(session).rows}


@pytest.mark.parametrize("name", BOOKS)
def test_both_forms_of_a_search_find_the_same_rows(session: Session, name: str) -> None:
    book, forms, chance = BOOKS[name], FORMS[name], random.Random(7)
    book.write(session, book.rows())
    moved = 0
    for _ in range(CASES):
        args, _means = address(book, chance)
        before = found(session, book, args)
        for said in (forms.as_search(args), forms.as_parameters(args)):
            moved += said is not None
            assert said is None or found(session, book, said) == before, (args, said)
    assert moved > CASES * 0.4


def boxed(chance: random.Random, book: Book, name: str) -> tuple[Args, Meaning]:
    """An address that says something of a box's field, in a parameter, in its search, or in both."""
    while True:
        args, means = address(book, chance)
        text = dict(args).get("q", "")
        field = {"eventType": "type"}.get(name, name)
        if field in text or name in dict(args):
            return args, means


@pytest.mark.parametrize("name", BOOKS)
def test_a_link_to_one_value_shows_it_alone(session: Session, name: str) -> None:
    """What the address says of the field goes; all else stays, and the value is the only box that is checked."""
    book, forms, chance = BOOKS[name], FORMS[name], random.Random(8)
    rows = dict(zip(book.write(session, book.rows()), book.rows(), strict=True))
    for _ in range(CASES):
        field = chance.choice(SETS[name])
        args, _ = boxed(chance, book, field)
        value = chance.choice([v for v in book.fields[field] if not v.startswith("-") and v != "*"])
        only = [*forms.without(args, field), (field, value)]
        shown = found(session, book, only)
        passing = {row for row, event in rows.items() if book.passes(event, [(field, value)])}
        assert shown is None or shown <= passing, (args, only)
        assert value in forms.chosen(only, field), (args, only)
        gone = found(session, book, forms.without(args, field))
        assert shown is None or gone is None or shown == gone & passing, (args, only)


@pytest.mark.parametrize("name", BOOKS)
def test_applying_the_boxes_as_they_are_changes_nothing(session: Session, name: str) -> None:
    """The form of boxes sends what it carries along and what is checked: that is the same search."""
    book, forms, chance = BOOKS[name], FORMS[name], random.Random(9)
    book.write(session, book.rows())
    checked = 0
    for _ in range(CASES):
        args, _ = boxed(chance, book, chance.choice(SETS[name]))
        boxes = [(field, value) for field in SETS[name] for value in dict.fromkeys(forms.chosen(args, field))]
        sent = [*forms.unchosen(args, *SETS[name]), *boxes]
        assert found(session, book, sent) == found(session, book, args), (args, sent)
        checked += bool(boxes)
    assert checked > CASES * 0.3
