"""What the explorer's benchmark found: a line a question, each goal met or missed, growth between sizes.

The goals are in milliseconds and over the template; how often the others are slower is counted beside them, as
some of it no page could meet (docs/decisions/0049).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.explorer_pages import OVER_CONSTANTS, OVER_DJANGO, OVER_FLASK_ADMIN, Question
from benchmarks.http_clock import Timing

NAMES = ("portal", "p95", "constants", "ratio", "Flask-Admin", "times", "uncounted", "Django", "times", "goal")
WIDTHS = (9, 8, 10, 7, 12, 8, 10, 10, 8, 7)


@dataclass(frozen=True, slots=True)
class Found:
    """One question's answers, in milliseconds; None where nobody was asked."""

    question: Question
    ours: Timing
    constants: Timing | None = None
    flask_admin: Timing | None = None
    uncounted: Timing | None = None
    django: Timing | None = None

    @property
    def goals(self) -> int:
        """How many goals there are."""
        return 1 + bool(self.question.against_constants and self.constants)

    def misses(self) -> Iterator[str]:
        """The goals that are not met, in words."""
        question, median = self.question, self.ours.median
        if median > question.goal_ms:
            yield f"{question.name}: {median:.1f} ms, the goal is {question.goal_ms:.0f}"
        if question.against_constants and self.constants and median > OVER_CONSTANTS * self.constants.median:
            yield f"{question.name}: {median / self.constants.median:.2f} times the template on constants"

    def beside(self) -> Iterator[tuple[str, float, float]]:
        """Each of the others: how often it is slower, and how often it should be."""
        peers = (("Flask-Admin", self.flask_admin, OVER_FLASK_ADMIN), ("Django", self.django, OVER_DJANGO))
        for name, peer, least in peers:
            if peer:
                yield name, peer.median / self.ours.median, least

    def line(self) -> str:
        """One row of the table."""
        median = self.ours.median
        against = self.constants.median if self.constants else None
        cells = (
            _ms(median), _ms(self.ours.p95), _ms(against), _times(median, against),
            _of(self.flask_admin), _over(self.flask_admin, median), _of(self.uncounted),
            _of(self.django), _over(self.django, median), f"{self.question.goal_ms:.0f}",
        )  # fmt: skip
        return f"{self.question.name:<26}" + "".join(f"{cell:>{w}}" for cell, w in zip(cells, WIDTHS, strict=True))


def heading() -> str:
    """What the columns are."""
    return " " * 26 + "".join(f"{name:>{width}}" for name, width in zip(NAMES, WIDTHS, strict=True))


def growth(sizes: Sequence[tuple[int, Sequence[Found]]]) -> Iterator[str]:
    """How much longer the same question takes on more rows."""
    yield f"{'median ms':<26}" + "".join(f"{rows:>14,}" for rows, _ in sizes) + f"{'grown':>9}"
    for alike in zip(*(found for _, found in sizes), strict=True):
        medians = [one.ours.median for one in alike]
        cells = "".join(f"{median:>14.1f}" for median in medians)
        yield f"{alike[0].question.name:<26}{cells}{medians[-1] / medians[0]:>8.2f}x"


def verdict(found: Sequence[Found]) -> list[str]:
    """The missed goals."""
    return [words for one in found for words in one.misses()]


def said(rows: int, found: Sequence[Found]) -> Iterator[str]:
    """How many goals are met and which are not; then the same of the comparison with the others."""
    missed, goals = verdict(found), sum(one.goals for one in found)
    yield f"{goals - len(missed)} of {goals} goals met on {rows:,} rows"
    yield from (f"  missed: {words}" for words in missed)
    beside = [(one.question.name, *other) for one in found for other in one.beside()]
    slower = [words for words in beside if words[2] < words[3]]
    if beside:
        yield f"{len(beside) - len(slower)} of {len(beside)} answers of the others as much slower as was hoped"
    yield from (f"  not: {name}: {peer} {times:.1f} times, of {least:.0f}" for name, peer, times, least in slower)


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}" if value < 1000 else f"{value:,.0f}"


def _of(timing: Timing | None) -> str:
    return _ms(timing.median if timing else None)


def _times(value: float, base: float | None) -> str:
    return "" if base is None else f"{value / base:.2f}"


def _over(peer: Timing | None, median: float) -> str:
    return "" if peer is None else f"{peer.median / median:.0f}x"
