"""Free text: words that must all be in a row, "phrases", and -words that must not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, not_

SHORTEST = 3
"""Fewer characters than a trigram holds: no index finds them."""
ESCAPED = str.maketrans({"\\": r"\\", "%": r"\%", "_": r"\_"})
LONG = 12
"""Characters from which a word has trigrams to spare, worth planning a second condition."""
SIDE_BY_SIDE = "([[:alnum:]]{3})|."
"""Letters by threes, and what is left of a word or between words."""


@dataclass(frozen=True, slots=True)
class FreeText:
    """Pieces of text that a row's searched fields hold, whatever their case, and pieces they do not.

    `rare` says that they are likely in few rows: the index is asked for a third of their trigrams first, and for
    all of them only where those are (docs/decisions/0052). The rows that pass are the same.
    """

    words: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    rare: bool = False

    @property
    def finds_by_index(self) -> bool:
        """Whether an index narrows the search."""
        return any(len(word) >= SHORTEST for word in self.words)

    def conditions(self, column: Any) -> Sequence[ColumnElement[bool]]:
        """What a row's search column must satisfy."""
        thinly = [holds_thinly(column, word) for word in self.words if self.rare and len(word) >= LONG]
        held = [holds(column, word) for word in self.words]
        return [*thinly, *held, *(not_(holds(column, word)) for word in self.without)]


def holds(column: Any, word: str) -> ColumnElement[bool]:
    """Whether a lower-cased column holds a word, lower-cased by the database as the column was."""
    held: ColumnElement[bool] = column.like(_pattern(word))
    return held


def holds_thinly(column: Any, word: str) -> ColumnElement[bool]:
    """What holds() implies: the letters of a word by threes, anything between them."""
    held: ColumnElement[bool] = column.like(func.regexp_replace(_pattern(word), SIDE_BY_SIDE, r"\1%", "g"))
    return held


def _pattern(word: str) -> Any:
    return func.lower(f"%{word.translate(ESCAPED)}%")
