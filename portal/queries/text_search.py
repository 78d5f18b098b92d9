"""Free text: words that must all be in a row, "phrases", and -words that must not."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, not_

from portal.queries.paging import BadParameter
from portal.queries.parameters import Arguments, one

SHORTEST = 3
"""Fewer characters than a trigram holds: no index finds them."""
WORD = re.compile(r'(?P<minus>-?)(?:"(?P<phrase>[^"]*)"?|(?P<word>\S+))')
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
        held = [_holds(column, word) for word in self.words]
        return held + [not_(_holds(column, word)) for word in self.without]


def parse_text(args: Arguments, *, bounded: bool) -> FreeText:
    """The text of `q`; under three characters only within a time that starts. Raises BadParameter."""
    text = one(args, "q")
    if text is None:
        return FreeText()
    found = [(m["minus"], m["phrase"] if m["phrase"] is not None else m["word"]) for m in WORD.finditer(text)]
    free = FreeText(
        tuple(word for minus, word in found if word and not minus),
        tuple(word for minus, word in found if word and minus),
    )
    if free.words and not free.finds_by_index and not bounded:
        raise BadParameter("q", text, "au moins 3 caractères, ou moins avec une période (from)")
    return free


def _holds(column: Any, word: str) -> ColumnElement[bool]:
    """Lower-cased by the database, as the column was."""
    held: ColumnElement[bool] = column.like(func.lower(f"%{word.translate(ESCAPED)}%"))
    return held
