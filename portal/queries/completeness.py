"""Whether events carry the metadata that the catalogue requires of their type, and the rows that do not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, Text, cast, column, func, not_, select, true, values
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import Session

from portal.audit.catalogue import CATALOGUE
from portal.models import Log
from portal.models import LogLevel as LogLevel
from portal.queries.log_entry import COLUMNS, LogEntry
from portal.queries.paging import read_within
from portal.queries.time_range import TimeRange

SAMPLE = 200
"""So many rows of a type at each level are looked at, the newest."""
MOST_ROWS = 50
MARK = "catalogueViolation"
"""What the writer adds to a row that breaks the catalogue."""


@dataclass(frozen=True, slots=True)
class TypeCompleteness:
    """The newest rows of a type: how many were looked at, how many lack something, and which keys how often."""

    type: str
    checked: int
    incomplete: int
    missing: Mapping[str, int]
    newest: datetime | None

    @property
    def share(self) -> float:
        """The share of rows that have everything."""
        return 1 - self.incomplete / self.checked if self.checked else 1.0


@dataclass(frozen=True, slots=True)
class Offender:
    """A row and what is wrong with it, in words."""

    entry: LogEntry
    wrong: Sequence[str]


def completeness(session: Session, period: TimeRange, *, blame: tuple[str, str]) -> Sequence[TypeCompleteness]:
    """Every type of the period, the least complete first. Raises BadParameter after three seconds."""
    required = {name: sorted(spec.required) for name, spec in CATALOGUE.items() if spec.required}
    found: dict[str, list[tuple[Sequence[str], int, datetime]]] = {}
    for type, lacking, n, newest in read_within(session, _checked(required, period), blame=blame):
        found.setdefault(type, []).append((lacking, n, newest))
    kinds = [_summary(type, rows) for type, rows in found.items()]
    return sorted(kinds, key=lambda kind: (kind.share, -kind.checked, kind.type))


def _summary(type: str, rows: Sequence[tuple[Sequence[str], int, datetime]]) -> TypeCompleteness:
    missing: dict[str, int] = {}
    for lacking, n, _ in rows:
        for key in lacking:
            missing[key] = missing.get(key, 0) + n
    late = [newest for lacking, _, newest in rows if lacking]
    return TypeCompleteness(
        type,
        checked=sum(n for _, n, _ in rows),
        incomplete=sum(n for lacking, n, _ in rows if lacking),
        missing=dict(sorted(missing.items(), key=lambda pair: (-pair[1], pair[0]))),
        newest=max(late, default=None),
    )


def _checked(required: Mapping[str, Sequence[str]], period: TimeRange) -> Any:
    """For each type and level a short walk of the index; of each row, the required keys that it lacks."""
    keys = ARRAY(Text)
    kind = values(column("type", Text), column("required", keys), name="kind").data(
        [(type, cast(array(names), keys)) for type, names in required.items()]
    )
    level = select(func.unnest(cast(array(list(LogLevel)), ARRAY(Log.level.type))).label("level")).subquery(
        "level"
    )
    walk = (
        select(Log.created_at, Log.details)
        .where(Log.type == kind.c.type, Log.level == level.c.level, *period.conditions(Log.created_at))
        .order_by(Log.created_at.desc(), Log.id.desc())
        .limit(SAMPLE)
        .lateral("walk")
    )
    key = func.unnest(kind.c.required).column_valued("key")
    lacking = func.array(select(key).where(not_(walk.c.details.has_key(key))).scalar_subquery())
    sources = kind.join(level, true()).join(walk, true())
    rows = (
        select(kind.c.type, lacking.label("lacking"), walk.c.created_at).select_from(sources).subquery("checked")
    )
    counted = select(rows.c.type, rows.c.lacking, func.count(), func.max(rows.c.created_at))
    return counted.group_by(rows.c.type, rows.c.lacking)


def incomplete_rows(
    session: Session, type: str, period: TimeRange, *, blame: tuple[str, str]
) -> Sequence[Offender]:
    """The newest rows of a type that lack something, with what. Raises BadParameter after three seconds."""
    spec = CATALOGUE.get(type)
    if spec is None or not spec.required:
        return []
    has_all = Log.details.has_all(cast(array(sorted(spec.required)), ARRAY(Text)))
    query = select(*COLUMNS).where(Log.type == type, not_(has_all), *period.conditions(Log.created_at))
    rows = read_within(session, query.order_by(Log.created_at.desc()).limit(MOST_ROWS), blame=blame)
    entries = [LogEntry(*row) for row in rows]
    return [Offender(entry, sorted(spec.required - entry.details.keys())) for entry in entries]


def marked_rows(session: Session, period: TimeRange, *, blame: tuple[str, str]) -> Sequence[Offender]:
    """The newest rows that the writer marked as wrong. Raises BadParameter after three seconds."""
    query = select(*COLUMNS).where(Log.details.has_key(MARK), *period.conditions(Log.created_at))
    rows = read_within(session, query.order_by(Log.created_at.desc()).limit(MOST_ROWS), blame=blame)
    return [Offender(entry, _words(entry.details[MARK])) for entry in (LogEntry(*row) for row in rows)]


def _words(mark: Any) -> list[str]:
    return [str(word) for word in mark] if isinstance(mark, list) else [str(mark)]
