"""Lists as Stripe answers them: newest first, cursors, has_more."""

from dataclasses import dataclass, field
from typing import Any

from .objects import decoded
from .refusals import Json, malformed, no_such
from .store import Work

RANGE = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
PAGING = ("limit", "starting_after", "ending_before", "expand")


@dataclass(slots=True)
class Query:
    """A WHERE clause in the making, over one kind of object of one account."""

    kind: str
    account: str
    clauses: list[str] = field(default_factory=lambda: ["kind = ?", "account = ?"])
    values: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.values = [self.kind, self.account]

    def where(self, clause: str, *values: Any) -> None:
        """Narrow the list."""
        self.clauses.append(clause)
        self.values.extend(values)

    def field(self, name: str, given: Any) -> None:
        """Narrow by a field of the document: a value, or a range of numbers."""
        column = "created" if name == "created" else f"json_extract(body, '$.{name}')"
        if not isinstance(given, dict):
            return self.where(f"{column} = ?", given)
        for bound, value in given.items():
            self.where(f"{column} {RANGE[bound]} ?", value)
        return None


def page(work: Work, *, kind: str, account: str, params: Json, url: str, query: Query | None = None) -> Json:
    """One page; every parameter that is not paging is a filter on the field of that name."""
    query = query or Query(kind, account)
    for name, given in params.items():
        if name not in PAGING:
            query.field(name, given)
    limit = _limit(params)
    backwards = _cursor(work, query, params)
    rows = work.db.execute(_statement(query, backwards), [*query.values, limit + 1]).fetchall()
    bodies = [decoded(row["body"]) for row in rows[:limit]]
    data = bodies[::-1] if backwards else bodies
    return {"object": "list", "data": data, "has_more": len(rows) > limit, "url": url}


def _statement(query: Query, backwards: bool) -> str:
    direction = "ASC" if backwards else "DESC"
    where = " AND ".join(query.clauses)  # our own fragments; every value is bound
    return f"SELECT body FROM object WHERE {where} ORDER BY created {direction}, seq {direction} LIMIT ?"  # noqa: S608


def _limit(params: Json) -> int:
    limit = int(params.get("limit", 10))
    if not 1 <= limit <= 100:
        bound = "less than or equal to 100" if limit > 100 else "greater than or equal to 1"
        raise malformed(f"This value must be {bound}.", code="parameter_invalid_integer", param="limit")
    return limit


def _cursor(work: Work, query: Query, params: Json) -> bool:
    after, before = params.get("starting_after"), params.get("ending_before")
    if after and before:
        raise malformed("You cannot use both starting_after and ending_before.", param="ending_before")
    if not after and not before:
        return False
    row = work.db.execute(
        "SELECT created, seq FROM object WHERE id = ? AND kind = ? AND account = ?",
        (after or before, query.kind, query.account),
    ).fetchone()
    if row is None:
        raise no_such(
            query.kind, str(after or before), param="starting_after" if after else "ending_before", status=400
        )
    query.where(f"(created, seq) {'<' if after else '>'} (?, ?)", row["created"], row["seq"])
    return bool(before)
