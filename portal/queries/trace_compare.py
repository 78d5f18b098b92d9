"""Two traces side by side: their steps by key, their rows by type, and what differs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from difflib import SequenceMatcher

from portal.queries.trace import Trace, TraceItem
from portal.queries.trace_steps import TraceStep


@dataclass(frozen=True, slots=True)
class StepPair:
    """One step on both sides; a side that has no such step holds None."""

    left: TraceStep | None
    right: TraceStep | None

    @property
    def shown(self) -> TraceStep:
        """The side that has the step."""
        found = self.left or self.right
        assert found is not None  # noqa: S101 -- a pair has a side
        return found

    @property
    def is_same(self) -> bool:
        """Whether both sides stand alike."""
        return bool(self.left and self.right and self.left.step.state is self.right.step.state)

    @property
    def difference(self) -> timedelta | None:
        """How much longer the right side waited for the step."""
        if self.left is None or self.right is None:
            return None
        before, after = self.left.step.elapsed, self.right.step.elapsed
        return after - before if before is not None and after is not None else None


@dataclass(frozen=True, slots=True)
class Placed:
    """A row and how long after the trace's first row it stands."""

    item: TraceItem
    after: timedelta


@dataclass(frozen=True, slots=True)
class RowPair:
    """Rows of one type and book on both sides, or a row that only one side has."""

    left: Placed | None
    right: Placed | None

    @property
    def difference(self) -> timedelta | None:
        """How much later, since its beginning, the right side came to it."""
        return self.right.after - self.left.after if self.left and self.right else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two traces of one kind, aligned."""

    left: Trace
    right: Trace
    steps: Sequence[StepPair]
    rows: Sequence[RowPair]

    @property
    def difference(self) -> timedelta | None:
        """How much longer the right one lasted."""
        before, after = self.left.lasted, self.right.lasted
        return after - before if before is not None and after is not None else None


def compare(left: Trace, right: Trace) -> Comparison:
    """Both traces, step by step and row by row."""
    return Comparison(left, right, _steps(left.steps, right.steps), list(_rows(_placed(left), _placed(right))))


def _steps(left: Sequence[TraceStep], right: Sequence[TraceStep]) -> list[StepPair]:
    """In the left side's order; what only the right has stands after the step that it follows there."""
    mine = {step.step.key: step for step in left}
    theirs = {step.step.key: step for step in right}
    order = list(mine)
    for place, key in enumerate(theirs):
        if key not in mine:
            before = [known for known in list(theirs)[:place] if known in order]
            order.insert(order.index(before[-1]) + 1 if before else 0, key)
    return [StepPair(mine.get(key), theirs.get(key)) for key in order]


def _placed(trace: Trace) -> list[Placed]:
    start = trace.items[0].created_at if trace.items else None
    return [Placed(item, item.created_at - start) for item in trace.items if start]


def _rows(left: list[Placed], right: list[Placed]) -> Iterator[RowPair]:
    """The longest common sequence of types side by side, the rest on its own side."""
    mine, theirs = ([(row.item.book, row.item.type) for row in side] for side in (left, right))
    for word, a, b, c, d in SequenceMatcher(None, mine, theirs, autojunk=False).get_opcodes():
        if word == "equal":
            yield from map(RowPair, left[a:b], right[c:d])
        else:
            yield from (RowPair(row, None) for row in left[a:b])
            yield from (RowPair(None, row) for row in right[c:d])
