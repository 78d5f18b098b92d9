"""How many rows of a book pass a search, one by one: up to a cap, or all of them on demand."""

from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from portal.queries.paging import read_within

CAP = 10_000
"""So many rows are counted one by one; more are "10 000+"."""


class Filtered(Protocol):
    """A search of a book."""

    @property
    def blame(self) -> tuple[str, str]:
        """What to change when it takes too long."""
        ...

    def filters(self) -> list[ColumnElement[bool]]:
        """Its conditions."""
        ...


@dataclass(frozen=True, slots=True)
class Total:
    """How many rows pass; `is_capped`: more than CAP. `outlived` of them are older than they are kept."""

    n: int
    is_capped: bool = False
    outlived: int = 0


def row_total(session: Session, row_id: Any, search: Filtered, *, exact: bool) -> Total:
    """How many rows pass: up to CAP, or all. Raises BadParameter after three seconds."""
    rows = select(row_id).where(*search.filters())
    counted = (rows if exact else rows.limit(CAP + 1)).subquery("counted")
    [(n,)] = read_within(session, select(func.count()).select_from(counted), blame=search.blame)
    return Total(min(n, CAP), True) if n > CAP and not exact else Total(n)
