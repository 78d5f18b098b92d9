"""What is asked of the explorer, the goal of each question, and how the same is asked of the others."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from benchmarks.log_rows import RARE
from portal.queries.paging import Cursor

LOGS, MONEY, TRACES = "/dashboard/admin/system-logs", "/dashboard/admin/logs", "/dashboard/admin/traces"
PAGE, DEEP, ROUND = 50, 100_000, 1000
"""Rows of a page, above the page that lies far down, and that a run may add without asking about other rows."""
LIST_MS, TEXT_MS, DAY_MS, BARS_MS, FACETS_MS, COUNT_MS = 12.0, 180.0, 30.0, 100.0, 70.0, 120.0
ASKED_OF_ALL = ("text: common", "text: rare", "text: absent")
OVER_CONSTANTS, OVER_FLASK_ADMIN, OVER_DJANGO = 3.0, 3.0, 50.0


@dataclass(frozen=True, slots=True)
class Question:
    """One page of ours, with its goal in milliseconds, and the pages of the others that answer the same."""

    name: str
    address: str
    goal_ms: float
    rendered: bool = True
    flask_admin: str | None = None
    django: str | None = None

    @property
    def against_constants(self) -> bool:
        """Whether the goal is also a ratio to the template on constants: lists and traces."""
        return self.rendered and self.goal_ms == LIST_MS


@dataclass(frozen=True, slots=True)
class Book:
    """What the addresses need to know of the rows."""

    rows: int
    first: datetime
    last: datetime
    deep: Cursor
    depth: int
    payout: str
    event: str
    request: str
    user: str
    run: str
    row: int


def read_book(scalar: Callable[..., Any]) -> Book:
    """Look a few rows up."""
    rows = int(scalar("select max(id) from log"))
    half = rows // 2 // ROUND * ROUND
    depth = min(half, DEEP)
    at = scalar("select created_at from log where id = :id", id=rows - depth)

    def named(key: str, asked: str = "metadata->>'{0}'") -> str:
        query = f"select {asked} from log where metadata->>'{{0}}' is not null and id >= :id order by id limit 1"
        return str(scalar(query.format(key), id=half))

    return Book(
        rows=rows,
        first=scalar("select min(created_at) from log"),
        last=scalar("select max(created_at) from log"),
        deep=Cursor(at, rows - depth),
        depth=depth,
        payout=named("payoutId"),
        event=named("eventId"),
        request=str(scalar("select request_id from log where id = :id", id=half)),
        user=str(scalar("select actor_id from log where actor = 'USER' and id >= :id limit 1", id=half)),
        run=named("runId"),
        row=int(named("payoutId", "id")),
    )


def questions(book: Book) -> Iterator[Question]:
    """Every query of the explorer."""
    yield _list("newest", {})
    yield _list("oldest", {"sort": "createdAt"}, {"sort": "0"}, {"o": "1"})
    page = book.depth // PAGE
    yield _list("far down", {"cursor": book.deep.encode()}, {"page": page}, {"p": page + 1})
    yield _list("one level: ERROR", {"level": "ERROR"}, {"flt0_level_equals": "ERROR"}, {"level__exact": "ERROR"})
    critical = _in("level", ["ERROR", "CRITICAL"])
    yield _list("two levels", {"level": ["ERROR", "CRITICAL"]}, *critical)
    yield from _types()
    yield _list("one actor: GUEST", {"actor": "GUEST"}, {"flt0_actor_equals": "GUEST"}, {"actor__exact": "GUEST"})
    yield _list(
        "an actor id", {"actorId": book.user}, {"flt0_actor_id_equals": book.user}, {"actor_id": book.user}
    )
    yield from _times(book)
    yield _list("an entity: a payout", {"entity": book.payout}, {"flt0_payout_id_equals": book.payout},
                {"metadata__payoutId": book.payout})  # fmt: skip
    yield Question(
        "a request", f"{LOGS}?requestId={book.request}", LIST_MS, django=_django({"request_id": book.request})
    )
    yield from _texts(book)
    yield from _traces(book)
    yield from _sums(book)
    yield Question("an event's own page", f"{LOGS}/{book.row}", LIST_MS)
    yield Question("money: newest", MONEY, LIST_MS)
    yield Question("money: a payout", f"{MONEY}?payoutId={book.payout}", LIST_MS)
    yield Question("money: a type", f"{MONEY}?eventType=PAYOUT_FAILED", LIST_MS)
    yield Question("JSON: newest", "/api/admin/system-logs", LIST_MS, rendered=False)


def _types() -> Iterator[Question]:
    for name, type in (("a type", "PAYOUT_APPROVED"), ("a rare type", "LOG_INTEGRITY_BROKEN")):
        yield _list(name, {"type": type}, {"flt0_type_equals": type}, {"type__exact": type})
    ours, flask_admin, django = (
        {"type": "PAYOUT_*"},
        {"flt0_type_contains": "PAYOUT_"},
        {"type__startswith": "PAYOUT_"},
    )
    yield _list("types PAYOUT_*", ours, flask_admin, django)
    yield _errors("types PAYOUT_*, ERROR", ours, flask_admin, django)


def _times(book: Book) -> Iterator[Question]:
    day = (book.first + timedelta(days=45)).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first, last = day.isoformat(), (day + timedelta(days=1)).isoformat()
    ours, django = {"from": first, "to": last}, {"created_at__gte": first, "created_at__lt": last}
    flask_admin = {"flt0_created_at_between": f"{first[:10]} 00:00:00 to {last[:10]} 00:00:00"}
    yield _list("a day", ours, flask_admin, django)
    yield _errors("a day, ERROR", ours, flask_admin, django)


def _errors(name: str, ours: dict[str, Any], flask_admin: dict[str, Any], django: dict[str, Any]) -> Question:
    level = {"level": "ERROR"}, {"flt1_level_equals": "ERROR"}, {"level__exact": "ERROR"}
    return _list(name, ours | level[0], flask_admin | level[1], django | level[2])


def _texts(book: Book) -> Iterator[Question]:
    yield _text("text: common", "payout", LIST_MS)
    yield _text("text: middling", '"justificatif manquant"', TEXT_MS)
    yield _text("text: rare", RARE, TEXT_MS)
    yield _text("text: absent", '"remboursement approuvé"', TEXT_MS)
    yield _text("text: two words", "payout échec", TEXT_MS)
    yield _text("text: an id", book.payout, TEXT_MS)


def _traces(book: Book) -> Iterator[Question]:
    creator = UUID(hashlib.md5(b"creator17", usedforsecurity=False).hexdigest())
    named = {
        "payout": book.payout,
        "request": book.request,
        "event": book.event,
        "creator": creator,
        "job-run": book.run,
    }
    for kind, row in named.items():
        yield Question(f"trace: {kind}", f"{TRACES}/{kind}/{row}", LIST_MS)


def _sums(book: Book) -> Iterator[Question]:
    """What is drawn and counted beside the rows."""
    day = urlencode({"from": (book.last - timedelta(days=1)).isoformat(), "to": book.last.isoformat()})
    yield Question("histogram: 24 h", f"{LOGS}/histogram?{day}", DAY_MS)
    yield Question("histogram: 90 days", f"{LOGS}/histogram", BARS_MS)
    yield Question("histogram: 90 days, ERROR", f"{LOGS}/histogram?level=ERROR", BARS_MS)
    yield Question("facets: 90 days", f"{LOGS}/facets", FACETS_MS)
    yield Question("facets: 24 h", f"{LOGS}/facets?{day}", FACETS_MS)
    yield Question("count: all", f"{LOGS}/count", COUNT_MS)
    yield Question("count: ERROR, exact", f"{LOGS}/count?level=ERROR&exact=1", COUNT_MS)
    yield Question("count: a text", f"{LOGS}/count?q=payout", COUNT_MS)
    yield Question("JSON: histogram, 24 h", f"/api/admin/system-logs/histogram?{day}", DAY_MS, rendered=False)
    yield Question("JSON: facets", "/api/admin/system-logs/facets", FACETS_MS, rendered=False)


def _list(
    name: str,
    ours: dict[str, Any],
    flask_admin: dict[str, Any] | None = None,
    django: dict[str, Any] | None = None,
) -> Question:
    address = f"{LOGS}?{urlencode(ours, doseq=True)}" if ours else LOGS
    return Question(name, address, LIST_MS, True, urlencode(flask_admin or {}), _django(django or {}))


def _text(name: str, words: str, goal: float) -> Question:
    """The others read the whole book twice for a text: they are asked three of them."""
    address, bare = f"{LOGS}?{urlencode({'q': words})}", words.strip('"')
    if name not in ASKED_OF_ALL:
        return Question(name, address, goal)
    return Question(name, address, goal, True, urlencode({"search": bare}), _django({"q": bare}))


def _in(field: str, values: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    return {f"flt0_{field}_in_list": ",".join(values)}, {f"{field}__in": ",".join(values)}


def _django(given: dict[str, Any]) -> str:
    return f"/admin/peers/log/?{urlencode(given)}"
