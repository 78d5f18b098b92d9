"""Whatever somebody may have at hand, found by it: ids whole or cut, Stripe's ids, row numbers, people.

Ids go by primary and unique keys. Names go through the people, who are few beside the rows; a search that
takes too long says so.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, String, cast, or_, select, union_all
from sqlalchemy.orm import Session

from portal.audit.catalogue import CATALOGUE
from portal.models import Creator, User
from portal.queries.named_things import Kind as Kind
from portal.queries.named_things import people, requests, rows, stripe, things
from portal.queries.paging import BadParameter, read_within

LONGEST = 200
EACH = 20
"""So many of a kind are shown."""
FEWEST_LETTERS = 2
MOST_ID = 2**63 - 1
CUT = re.compile(r"([0-9a-f]{8}(?:-?[0-9a-f]+)*-?)(?:(?:…|\.\.\.)([0-9a-f]+))?")
"""An id by its beginning, or as pages show it: 01a21c44…9807."""
STRIPE = re.compile(r"(po|pi|re|pyr|dp|du|evt|acct|tr)_[A-Za-z0-9_]+")


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing found: what it is, whose or what, how much, from when."""

    kind: Kind
    id: str
    name: str | None
    detail: str | None
    amount_minor: int | None
    currency: str | None
    at: datetime | None


def find_anything(session: Session, text: str) -> list[Hit]:
    """Everything that `text` names exactly, or people it may mean. Raises BadParameter."""
    wanted = text.strip()
    if len(wanted) > LONGEST:
        raise BadParameter("q", text, "200 caractères au plus")
    hits = list(_types(wanted))
    arms = list(_arms(wanted))
    if arms:
        found = read_within(session, union_all(*(_few(arm) for arm in arms)), blame=("q", text))
        hits += [Hit(Kind(kind), *rest) for kind, *rest in found]
    order = list(Kind)
    return sorted(dict.fromkeys(hits), key=lambda hit: order.index(hit.kind))


def _types(text: str) -> Iterator[Hit]:
    if text.upper() in CATALOGUE:
        spec = CATALOGUE[text.upper()]
        yield Hit(Kind.TYPE, spec.type, spec.type, spec.message, None, None, None)


def _few(arm: Select[Any]) -> Any:
    return select(arm.limit(EACH).subquery())


def _arms(text: str) -> Iterable[Select[Any]]:
    """The questions that `text` can be an answer to."""
    lower = text.lower()
    if span := _span(lower):
        first, last, tail = span
        ends = [*things(lambda column: _within(column, first, last, tail)), *requests(first, last)]
        return [*ends, *(rows(int(lower)) if lower.isdigit() else ())]
    if STRIPE.fullmatch(text):
        return stripe(text)
    if lower.isascii() and lower.lstrip("#").isdigit() and int(lower.lstrip("#")) <= MOST_ID:
        return rows(int(lower.lstrip("#")))
    if "@" in lower.lstrip("@"):
        return [people(User.email == lower)]
    handle = lower.removeprefix("@")
    named = User.name.icontains(text, autoescape=True)
    known = Creator.handle.startswith(handle, autoescape=True)
    if lower.startswith("@"):
        return [people(known)] if handle else []
    return [people(or_(named, known))] if len(text) >= FEWEST_LETTERS else []


def _span(text: str) -> tuple[UUID, UUID, str] | None:
    """The first and last id that a whole or cut id can be, and how it ends; None when `text` is no such thing."""
    found = CUT.fullmatch(text)
    if found is None:
        return None
    head, tail = found[1].replace("-", ""), found[2] or ""
    if len(head) + len(tail) > 32:
        return None
    return UUID(head.ljust(32, "0")), UUID(head.ljust(32, "f")), tail


def _within(column: Any, first: UUID, last: UUID, tail: str) -> ColumnElement[bool]:
    inside: ColumnElement[bool] = column.between(first, last)
    return inside & cast(column, String).endswith(tail) if tail else inside
