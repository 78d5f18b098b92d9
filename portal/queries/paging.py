"""Parameters and keyset pages, shared by every list. A bad value names its parameter."""

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Engine, Executable, event, tuple_
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

LIMITS = (25, 50, 100)
DEFAULT_LIMIT = 50
TIMEOUT_MS = 3000
WITHIN = "within_ms"
LIMIT = "set local statement_timeout = {}"
QUERY_CANCELED = "57014"
LONGEST_ID = 100


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
    """A parameter with a value that it does not take: what it was, and what it takes.

    `expected` is French; `words` fill its %(name)s, so that it can be translated before they do.
    """

    def __init__(
        self, parameter: str, value: str, expected: str, words: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(f"{parameter}: {value!r}; {expected % words if words else expected}")
        self.parameter = parameter
        self.value = value[:200]
        self.expected = expected
        self.words = dict(words or {})

    @property
    def place(self) -> Mapping[str, object]:
        """Where in the value the mistake is, and what would be right there, when that can be said."""
        return {}


@dataclass(frozen=True, slots=True)
class Cursor:
    """The place of a row in a list ordered by time, then id; `backwards` asks for the rows before it."""

    at: datetime
    id: int | UUID | str
    backwards: bool = False

    def encode(self) -> str:
        """The cursor as a URL parameter."""
        plain = f"{'b' if self.backwards else 'f'}{self.at.astimezone(UTC).isoformat()}|{self.id}"
        return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def parse_cursor(given: str | None, kind: type[int] | type[UUID] | type[str] = int) -> Cursor | None:
    """The cursor of a URL parameter. Raises BadParameter."""
    if not given:
        return None
    try:
        plain = base64.b64decode(given + "=" * (-len(given) % 4), altchars=b"-_", validate=True).decode("ascii")
        at, _, row = plain[1:].partition("|")
        return Cursor(_aware(at), _row_id(row, kind), backwards={"b": True, "f": False}[plain[0]])
    except (binascii.Error, ValueError, KeyError, IndexError, OverflowError) as error:
        raise BadParameter("cursor", given, "un curseur donné par une page précédente") from error


def _aware(given: str) -> datetime:
    moment = datetime.fromisoformat(given)
    if moment.tzinfo is None:
        raise ValueError("a cursor names its zone")
    return moment.astimezone(UTC)


def _row_id(given: str, kind: type[int] | type[UUID] | type[str]) -> int | UUID | str:
    value = kind(given)
    if isinstance(value, str) and not (0 < len(value) <= LONGEST_ID and value.isprintable()):
        raise ValueError("not a row's id")
    if isinstance(value, int) and not 0 <= value < 2**63:
        raise ValueError("not a row's id")
    return value


@dataclass(frozen=True, slots=True)
class Order:
    """The order of a list by time, then id, and the place in it where a page begins."""

    cursor: Cursor | None = None
    oldest_first: bool = False

    @property
    def ascending(self) -> bool:
        """Whether rows are read from the oldest: a page before the cursor is read towards it."""
        return self.oldest_first != (self.cursor is not None and self.cursor.backwards)

    def conditions(self, at: Any, row_id: Any) -> list[ColumnElement[bool]]:
        """What comes after the cursor; the first condition is implied, and lets partitions be skipped."""
        if self.cursor is None:
            return []
        place, here = tuple_(at, row_id), (self.cursor.at, self.cursor.id)
        return [at >= here[0], place > here] if self.ascending else [at <= here[0], place < here]

    def columns(self, at: Any, row_id: Any) -> list[Any]:
        """What to order by."""
        return [at, row_id] if self.ascending else [at.desc(), row_id.desc()]


def parse_limit(given: str | None) -> int:
    """How many rows a page holds. Raises BadParameter."""
    if not given:
        return DEFAULT_LIMIT
    if given not in {str(limit) for limit in LIMITS}:
        raise BadParameter("limit", given, "25, 50 ou 100")
    return int(given)


def parse_uuid(parameter: str, given: str | None) -> UUID | None:
    """An id. Raises BadParameter."""
    if not given:
        return None
    try:
        return UUID(given)
    except ValueError as error:
        raise BadParameter(parameter, given, "un identifiant (UUID)") from error


def read_within(
    session: Session, statement: Executable, given: Mapping[str, Any] | None = None, *, blame: tuple[str, str]
) -> Sequence[Any]:
    """The rows of `statement`; after three seconds raises BadParameter with `blame`, a name and its value."""
    with _blaming(session, blame):
        return session.connection().execute(statement, given, execution_options={WITHIN: TIMEOUT_MS}).all()


@contextmanager
def _blaming(session: Session, blame: tuple[str, str]) -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        if getattr(error.orig, "pgcode", None) != QUERY_CANCELED:
            raise
        session.rollback()
        expected = "une recherche plus étroite : ajoutez une période, un type ou un mot plus rare"
        raise BadParameter(*blame, expected) from error


@event.listens_for(Engine, "before_cursor_execute", retval=True)
def _limited(at: Connection, _: Any, statement: str, given: Any, context: Any, __: bool) -> tuple[str, Any]:
    """Send a limit along with the statement that has one, and its end with the next of the same transaction."""
    limit, before = context.execution_options.get(WITHIN), at.info.get(WITHIN)
    is_over = before is not None and before is at.get_transaction()
    if limit is None and not is_over:
        return statement, given
    driver: Any = at.connection.dbapi_connection
    at.info[WITHIN] = at.get_transaction() if limit and not driver.autocommit else None
    return f"{LIMIT.format(limit or 'default')}; {statement}", given


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
