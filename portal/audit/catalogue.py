"""Every event of `log`: type, level, actor, writer, required metadata and French message, from events.csv."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portal.models import LogActor, LogLevel

ALIASES = {
    "reason": "rejectionReason",
    "error": "stripeErrorMessage",
    "processed": "processedCount",
    "total": "totalCount",
    "title": "offerTitle",
}
"""Words of the messages that the metadata spells otherwise."""


class CatalogueViolation(Exception):
    """An event that the catalogue does not hold, or that lacks metadata it requires."""


@dataclass(frozen=True, slots=True)
class EventSpec:
    """What the catalogue says of one type; `actors` is empty when the role of whoever acted decides."""

    type: str
    level: LogLevel
    actors: tuple[LogActor, ...]
    writer: str
    required: frozenset[str]
    message: str

    def describe(self, metadata: Mapping[str, Any]) -> str:
        """The message with its words taken from `metadata`; an unknown word stays an ellipsis."""
        return self.message.format_map(_Words(metadata))


class _Words(dict[str, Any]):
    def __missing__(self, word: str) -> str:
        alias = ALIASES.get(word, word)
        return str(self[alias]) if alias in self and alias != word else "…"


def _read(file: Path) -> dict[str, EventSpec]:
    with file.open(encoding="utf-8", newline="") as lines:
        return {row["type"]: _spec(row) for row in csv.DictReader(lines)}


def _spec(row: Mapping[str, str]) -> EventSpec:
    named = [] if row["actor"].startswith("by role") else row["actor"].split(" or ")
    return EventSpec(
        type=row["type"],
        level=LogLevel(row["level"]),
        actors=tuple(LogActor(name) for name in named),
        writer=row["writer"],
        required=frozenset(row["metadata"].split("|")) - {""},
        message=row["message_fr"],
    )


CATALOGUE = _read(Path(__file__).with_name("events.csv"))


def violations(type: str, level: LogLevel, metadata: Mapping[str, Any]) -> list[str]:
    """What is wrong with an event, in words; an empty list when nothing is."""
    spec = CATALOGUE.get(type)
    if spec is None:
        return [f"unknown type {type}"]
    missing = sorted(spec.required - metadata.keys())
    wrong = [] if level is spec.level else [f"level {level}, the catalogue says {spec.level}"]
    return wrong + [f"missing {key}" for key in missing]
