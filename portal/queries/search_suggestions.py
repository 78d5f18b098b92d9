"""What may follow where somebody is typing a search: fields, values of a field, types, metadata keys."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from portal.queries.paging import BadParameter
from portal.queries.parameters import Arguments, one, refuse_unknown
from portal.queries.search_language import NAME
from portal.queries.search_vocabulary import Vocabulary

MOST = 12
LEAST_OF_A_TYPE = 2
"""How many letters it takes before types are proposed where a field could stand."""
BOUNDARY = re.compile(r"[\s()]")


class Kind(StrEnum):
    """What a suggestion is."""

    FIELD = "field"
    VALUE = "value"
    KEY = "key"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Text to put in place of what is being typed."""

    text: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What may stand from `start` to `end` of the text, the likeliest first."""

    start: int
    end: int
    items: tuple[Suggestion, ...] = ()


def suggestions_from_args(args: Arguments, words: Vocabulary) -> Suggestions:
    """What may follow at `at` of `q`, its end by default. Raises BadParameter."""
    refuse_unknown(args, {"q", "at"})
    text = str(next(iter(args.getlist("q")), "")) if one(args, "q") else ""
    given = one(args, "at") or str(len(text))
    if not (given.isascii() and given.isdigit() and len(given) <= 4 and int(given) <= len(text)):
        raise BadParameter("at", given, "une place dans le texte de q")
    return suggestions(text, int(given), words)


def suggestions(text: str, at: int, words: Vocabulary) -> Suggestions:
    """What may stand where the word around `at` does; nothing within a phrase."""
    start, end = _word_around(text, at)
    if text[start:at].startswith("-"):
        start += 1
    typed = text[start:at]
    if '"' in typed or text[:start].count('"') % 2:
        return Suggestions(at, at)
    found = NAME.match(typed)
    if found is None:
        return Suggestions(start, end, tuple(_names(typed, words)[:MOST]))
    field = words.known(found[1])
    values = _alike(typed[found.end() :], field.values if field else ())
    return Suggestions(start + found.end(), end, tuple(Suggestion(v, Kind.VALUE) for v in values[:MOST]))


def _word_around(text: str, at: int) -> tuple[int, int]:
    before = [found.end() for found in BOUNDARY.finditer(text, 0, at)]
    after = BOUNDARY.search(text, at)
    return (before[-1] if before else 0), (after.start() if after else len(text))


def _names(typed: str, words: Vocabulary) -> list[Suggestion]:
    """Fields first, then types of these letters, then metadata keys."""
    fields = list(dict.fromkeys(field.name for field in words.fields.values()))
    found = [Suggestion(f"{name}:", Kind.FIELD) for name in _alike(typed, fields)]
    if len(typed) >= LEAST_OF_A_TYPE:
        types = _alike(typed, words.fields["type"].values)
        found += [Suggestion(f"type:{name}", Kind.VALUE) for name in types[:5]]
    keys = _alike(typed, words.keys) if typed else []
    return found + [Suggestion(f"{key}:", Kind.KEY) for key in keys if key.casefold() not in words.fields]


def _alike(typed: str, known: Iterable[str]) -> list[str]:
    """Those that begin with what is typed, then those that hold it."""
    wanted = typed.casefold()
    held = [name for name in known if wanted in name.casefold()]
    return sorted(held, key=lambda name: not name.casefold().startswith(wanted))
