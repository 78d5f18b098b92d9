"""A search at fixed moments: what `now-1h` meant when it was looked at, for links and records."""

from collections.abc import Iterable
from datetime import UTC, datetime

from portal.queries.time_range import TimeRange, is_before_now

Pair = tuple[str, str]


def frozen(pairs: Iterable[Pair], period: TimeRange, *, now: datetime) -> list[Pair]:
    """The same parameters with `from` and `to` as ISO moments in UTC; what began at a span before now ends now."""
    kept, end = [], period.end
    for name, value in pairs:
        if name == "from" and is_before_now(value.strip()) and end is None:
            end = now
        if name not in {"from", "to"}:
            kept.append((name, value))
    bounds = {"from": period.start, "to": end}
    return [*kept, *((name, moment(at)) for name, at in bounds.items() if at is not None)]


def moment(at: datetime) -> str:
    """A moment to the microsecond, in UTC."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
