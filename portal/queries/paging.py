"""Parameters and keyset pages, shared by every list. A bad value names its parameter."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

LIMITS = (25, 50, 100)
DEFAULT_LIMIT = 50


class Placed(Protocol):
    """A row of a list: when it was made, and its id."""

    @property
    def created_at(self) -> datetime:
        """When the row was made."""
        ...

    @property
    def id(self) -> Any:
        """The row's id."""
        ...


T = TypeVar("T", bound=Placed)


class BadParameter(Exception):
    """A parameter with a value that it does not take: what it was, and what it takes (in French)."""

    def __init__(self, parameter: str, value: str, expected: str) -> None:
        super().__init__(f"{parameter}: {value!r}; {expected}")
        self.parameter = parameter
        self.value = value[:200]
        self.expected = expected


@dataclass(frozen=True, slots=True)
class Cursor:
    """The place of a row in a list ordered by time, then id; `backwards` asks for the rows before it."""

    at: datetime
    id: int | UUID
    backwards: bool = False

    def encode(self) -> str:
        """The cursor as a URL parameter."""
        text = f"{'b' if self.backwards else 'f'}{self.at.astimezone(UTC).isoformat()}|{self.id}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def parse_cursor(text: str | None, kind: type[int] | type[UUID] = int) -> Cursor | None:
    """The cursor of a URL parameter. Raises BadParameter."""
    if not text:
        return None
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode("ascii")
        at, _, row = plain[1:].partition("|")
        return Cursor(_aware(at), _row_id(row, kind), backwards={"b": True, "f": False}[plain[0]])
    except (binascii.Error, ValueError, KeyError, IndexError) as error:
        raise BadParameter("cursor", text, "un curseur donné par une page précédente") from error


def _aware(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a cursor names its zone")
    return moment


def _row_id(text: str, kind: type[int] | type[UUID]) -> int | UUID:
    value = kind(text)
    if isinstance(value, int) and not 0 <= value < 2**63:
        raise ValueError("not a row's id")
    return value


def parse_limit(text: str | None) -> int:
    """How many rows a page holds. Raises BadParameter."""
    if not text:
        return DEFAULT_LIMIT
    if text not in {str(limit) for limit in LIMITS}:
        raise BadParameter("limit", text, "25, 50 ou 100")
    return int(text)


def parse_uuid(parameter: str, text: str | None) -> UUID | None:
    """An id. Raises BadParameter."""
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError as error:
        raise BadParameter(parameter, text, "un identifiant (UUID)") from error


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list, newest first, with the cursors around it."""

    rows: Sequence[T]
    next: Cursor | None
    previous: Cursor | None


def cut_page(found: Sequence[T], limit: int, cursor: Cursor | None) -> Page[T]:
    """A page from up to `limit` + 1 rows read in the cursor's direction."""
    more = len(found) > limit
    rows = list(found[:limit])
    backwards = cursor is not None and cursor.backwards
    if backwards:
        rows.reverse()
    after, before = (True, more) if backwards else (more, cursor is not None)
    if not rows:
        return Page(rows, None, None)
    return Page(
        rows,
        next=_place(rows[-1], False) if after else None,
        previous=_place(rows[0], True) if before else None,
    )


def _place(row: Placed, backwards: bool) -> Cursor:
    return Cursor(row.created_at, row.id, backwards)
