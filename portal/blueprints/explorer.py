"""What the explorers of both books share: links that add or drop a filter, pills, presets, the way back."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode

from flask import Blueprint, g, request, url_for
from werkzeug.datastructures import MultiDict

from portal.blueprints.access import me
from portal.blueprints.addresses import address
from portal.blueprints.lists import with_page_size
from portal.blueprints.pills import Pill, parameter_pill, term_pills
from portal.blueprints.row_links import RowLinks
from portal.blueprints.spoken import lazy_gettext
from portal.domain.work import utc_now
from portal.queries.paging import LIMITS, BadParameter, Page
from portal.queries.search_forms import Forms
from portal.queries.search_forms import Pair as Pair

PLACE = ("cursor", "open", "partial", "after", "chart", "rowsFrom", "rowsTo", "exact", "by")
"""Parameters that say where one is and how one looks, not what one looks for."""
MOST_SUSPECTS = 8
"""Filters of which each costs a query to find out whether it alone empties a page."""
SPANS = (
    ("now-1h", lazy_gettext("1 h")),
    ("now-24h", lazy_gettext("24 h")),
    ("now-7d", lazy_gettext("7 j")),
    ("now-30d", lazy_gettext("30 j")),
    ("now-90d", lazy_gettext("90 j")),
)
S = TypeVar("S", bound="Search", covariant=True)


class Search(Protocol):
    """A search that an address asks for."""

    def page(self, session: Any) -> Page[Any]:
        """The page at its cursor."""
        ...

    def finds_something(self, session: Any) -> bool:
        """Whether any row passes."""
        ...


class SearchType(Protocol[S]):
    """The class of a search."""

    def from_args(self, args: Any, *, now: Any, tz: str, also: Iterable[str] = ()) -> S:
        """The search of some parameters. Raises BadParameter."""
        ...


@dataclass(frozen=True, slots=True)
class Explorer:
    """One explorer's page: where it is, what its filters are called, which of them can be turned around."""

    endpoint: str
    labels: Mapping[str, Any]
    invertible: tuple[str, ...]
    forms_at: Callable[[datetime, str], Forms]
    keeps: tuple[str, ...] = ("chart",)

    def href(self, pairs: Iterable[Pair]) -> str:
        """The explorer with these parameters; a folded chart stays folded, and what is grouped by stays."""
        given = request.args
        ways = [(name, given[name]) for name in self.keeps if name in given and given[name] not in {"", "on"}]
        query = urlencode([*pairs, *ways])
        return f"{address(self.endpoint)}?{query}" if query else address(self.endpoint)

    def charting(self, state: str | None, *more: Pair) -> str:
        """This page with its sums drawn in it, its chart folded, or as ever."""
        place = [("cursor", value) for value in request.args.getlist("cursor") if value]
        query = urlencode([*pairs(), *place, *([("chart", state)] if state else []), *more])
        return f"{address(self.endpoint)}?{query}" if query else address(self.endpoint)

    def beside(self, endpoint: str, *more: Pair) -> str:
        """Another page about the same search."""
        query = urlencode([*pairs(), *more])
        return f"{address(endpoint)}?{query}" if query else address(endpoint)

    def fragment(self, name: str, *more: Pair) -> str:
        """A part of this page that arrives after its rows."""
        return self.beside(f"{self.endpoint.partition('.')[0]}.{name}", *more)

    def only(self, name: str, value: str) -> str:
        """The same search with one value in place of whatever it had of a parameter, be it in `q`."""
        return self._only(name)(value)

    def _only(self, name: str, *also: str) -> Callable[[str], str]:
        """The same search with one value of a parameter and none of others, for each of many values."""
        rest = self.href(self.forms().without(pairs(), name, *also))
        start = f"{rest}{'&' if '?' in rest else '?'}"
        return lambda value: f"{start}{urlencode([(name, value)])}"

    def choosing(self, *values: Pair) -> str:
        """The same search with these values in place of whatever their parameters had."""
        return self.href([*self.forms().without(pairs(), *(name for name, _ in values)), *values])

    def adding(self, name: str, value: str) -> str:
        """The same search with one more value."""
        return self.href([*pairs(), (name, value)])

    def between(self, start: str, end: str) -> str:
        """The same search from one moment to another."""
        return self.href([*self.forms().without(pairs(), "from", "to"), ("from", start), ("to", end)])

    def dropping(self, *names: str) -> str:
        """The same search without some parameters, be they in `q`."""
        return self.href(self.forms().without(pairs(), *names))

    def row_links(self, endpoint: str) -> RowLinks:
        """The links of every row, made once: this page with a row opened, and the fragments that open below."""
        place = [("cursor", c) for c in request.args.getlist("cursor") if c]
        closed = self.href([*pairs(), *place])
        opening = f"{closed}{'&' if '?' in closed else '?'}open="
        rows, query = url_for(endpoint, row_id=0).removesuffix("0"), urlencode(pairs())
        partial = f"?{query}{'&' if query else ''}partial=1"
        return RowLinks(closed, opening, rows, f"?{query}" if query else "", partial)

    def forms(self) -> Forms:
        """How this explorer's parameters and its search say the same, now and for this reader; once a request."""
        known: dict[str, Forms] = g.setdefault("forms", {})
        if self.endpoint not in known:
            known[self.endpoint] = self.forms_at(utc_now(), "UTC")
        return known[self.endpoint]

    def pills(self) -> list[Pill]:
        """The active filters in the order of the address, the search as its terms."""
        return list(self._pills(pairs()))

    def _pills(self, given: list[Pair]) -> Iterator[Pill]:
        for name, value in given:
            if name == "q":
                yield from term_pills(given, value, self.forms().words, self.href)
            elif name in self.labels:
                yield parameter_pill(given, (name, value), self.labels[name], name in self.invertible, self.href)

    def as_search_href(self) -> str | None:
        """This search with its parameters said in `q`; None when there are none to say."""
        said = self.forms().as_search(pairs())
        return None if said is None else self.href(said)

    def as_parameters_href(self) -> str | None:
        """This search with its `q` said in parameters, as far as they can; None when they cannot."""
        said = self.forms().as_parameters(pairs())
        return None if said is None else self.href(said)

    def presets(self) -> list[dict[str, Any]]:
        """The spans before now."""
        chosen = request.args.get("from")
        before = self._only("from", "to")
        return [{"label": label, "href": before(span), "current": chosen == span} for span, label in SPANS]

    def sizes(self, limit: int) -> list[dict[str, Any]]:
        """The lengths that a page may have."""
        only = self._only("limit")
        return [{"label": str(n), "href": only(str(n)), "current": n == limit} for n in LIMITS]

    def options(self, name: str, values: Iterable[Any], label: Callable[[Any], Any] = str) -> list[dict[str, Any]]:
        """The values of a closed set as boxes, with the link that shows only one."""
        given, only = self.forms().chosen(pairs(), name), self._only(name)
        return [{"value": v, "label": label(v), "checked": v in given, "only_href": only(v)} for v in values]

    def around(self, page: Page[Any]) -> dict[str, str | None]:
        """The links to the pages before and after."""
        cursors = {"previous_href": page.previous, "next_href": page.next}
        return {name: self.only("cursor", c.encode()) if c else None for name, c in cursors.items()}

    def culprits(self, kind: SearchType[Search], session: Any) -> list[Pill]:
        """The filters that alone empty the page: without one of them there is something to see."""
        pills = self.pills()
        if not 2 <= len(pills) <= MOST_SUSPECTS:
            return []
        return [pill for pill in pills if self._revives(pill, kind, session)]

    def _revives(self, pill: Pill, kind: SearchType[Search], session: Any) -> bool:
        try:
            return _search(kind, MultiDict(pill.kept)).finds_something(session)
        except BadParameter:
            return False


def pairs() -> list[Pair]:
    """This page's filters as its address gives them, blanks and the place left out."""
    return [(k, v) for k, v in request.args.items(multi=True) if v.strip() and k not in PLACE]


def hidden(*shown: str) -> list[Pair]:
    """What a form that shows some parameters must carry along."""
    return _without(*shown)


def _without(*names: str) -> list[Pair]:
    return [(k, v) for k, v in pairs() if k not in names]


def searched(kind: SearchType[S], *, also: Iterable[str] = ()) -> S:
    """The search of this address. A BadParameter leaves the way back: this address without what is wrong."""
    try:
        return _search(kind, request.args, also)
    except BadParameter as error:
        remember_way_back(error)
        raise


def _search(kind: SearchType[S], args: Any, also: Iterable[str] = ()) -> S:
    return kind.from_args(with_page_size(args), now=utc_now(), tz=me().timezone, also=(*also, "columns"))


def paged(search: Search, session: Any) -> Page[Any]:
    """The search's page; a search that takes too long leaves the way back."""
    try:
        return search.page(session)
    except BadParameter as error:
        remember_way_back(error)
        raise


def remember_way_back(error: BadParameter) -> None:
    """Let the page of an error lead back to the same search without its parameter."""
    kept = urlencode(_without(error.parameter))
    g.back_href = f"{request.path}?{kept}" if kept else request.path


def lead_back(bp: Blueprint) -> None:
    """Give the error pages of a blueprint their way back."""
    bp.context_processor(lambda: {"back_href": g.get("back_href")})
