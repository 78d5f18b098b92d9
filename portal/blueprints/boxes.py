"""The boxes beside an explorer's rows: the values of a field, how many rows have each, the chosen ones checked."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import format_decimal

from portal.blueprints.explorer import Explorer, pairs
from portal.queries.facets import Facet
from portal.queries.probes import prefix_of

MOST_TYPES = 20


@dataclass(frozen=True, slots=True)
class Boxes:
    """The boxes of one parameter; `label` is what its values are called."""

    explorer: Explorer
    name: str
    label: Callable[[str], Any] = str

    def chosen(self) -> list[str]:
        """The values that are asked for, in parameters or in `q`."""
        given = dict.fromkeys(value.strip() for value in self.explorer.forms().chosen(pairs(), self.name))
        return [value for value in given if value and not value.startswith("-")]

    def options(self, values: Iterable[str], facet: Facet | None) -> list[dict[str, Any]]:
        """A box for each value, with its count where there is one."""
        options = self.explorer.options(self.name, values, self.label)
        for option in options:
            option["count"] = _count(facet, option["value"]) if facet else None
            option["level"] = option["value"] if self.name == "level" else None
        return options

    def types(self, facet: Facet) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The most frequent types and the chosen ones under their beginnings; the others, for below "more"."""
        chosen, most = self.chosen(), list(facet.counts)[:MOST_TYPES]
        shown = [*most, *(value for value in chosen if prefix_of(value) is None and value not in most)]
        rest = [kind for kind in facet.counts if kind not in shown]
        starts = {_start(kind) for kind in shown}
        odd = [value for value in chosen if prefix_of(value) is not None and value not in starts]
        return self._groups([*odd, *shown], facet), self._groups(rest, facet)

    def chosen_types(self) -> list[dict[str, Any]]:
        """The chosen types alone, before anything is counted."""
        return [{"options": self.options(self.chosen(), None)}] if self.chosen() else []

    def _groups(self, kinds: Sequence[str], facet: Facet) -> list[dict[str, Any]]:
        groups = []
        for start in dict.fromkeys(map(_start, kinds)):
            members = [kind for kind in kinds if _start(kind) == start and kind != start]
            whole = len(members) > 1 or start in kinds
            options = self.options([*([start] if whole else []), *members], facet)
            for option in options[1:] if whole else ():
                option["text"] = f"…\u2060{option['value'].removeprefix(start[:-1])}"
            groups.append({"options": options})
        return groups


def _count(facet: Facet, value: str) -> str:
    prefix = prefix_of(value)
    counts = facet.counts.items()
    n = facet.counts.get(value, 0) if prefix is None else sum(n for kind, n in counts if kind.startswith(prefix))
    return f"{format_decimal(n)}{'+' if facet.is_capped else ''}"


def _start(kind: str) -> str:
    return kind if prefix_of(kind) is not None else f"{kind.partition('_')[0]}_*"
