"""Free text: words that must all be in a row, "phrases", and -words that must not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, not_

SHORTEST = 3
"""Fewer characters than a trigram holds: no index finds them."""
ESCAPED = str.maketrans({"\\": r"\\", "%": r"\%", "_": r"\_"})


@dataclass(frozen=True, slots=True)
class FreeText:
    """Pieces of text that a row's searched fields hold, whatever their case, and pieces they do not."""

    words: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    @property
    def finds_by_index(self) -> bool:
        """Whether an index narrows the search."""
        return any(len(word) >= SHORTEST for word in self.words)

    def conditions(self, column: Any) -> Sequence[ColumnElement[bool]]:
        """What a row's search column must satisfy."""
        held = [holds(column, word) for word in self.words]
        return held + [not_(holds(column, word)) for word in self.without]


def holds(column: Any, word: str) -> ColumnElement[bool]:
    """Whether a lower-cased column holds a word, lower-cased by the database as the column was."""
    held: ColumnElement[bool] = column.like(func.lower(f"%{word.translate(ESCAPED)}%"))
    return held
