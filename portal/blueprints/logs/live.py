"""The live tail of /dashboard/admin/system-logs: what arrived since the page was read."""

from dataclasses import dataclass

from flask import Response, make_response, render_template, request

from portal.blueprints.access import READERS, requires
from portal.blueprints.addresses import address
from portal.blueprints.explorer import pairs, searched
from portal.blueprints.logs import bp
from portal.blueprints.logs.words import EXPLORER
from portal.blueprints.reading import tools
from portal.queries.exports import Book
from portal.queries.live_tail import TailPlace, parse_place, read_tail
from portal.queries.log_search import LogSearch
from portal.queries.paging import BadParameter
from portal.queries.parameters import one
from portal.unit_of_work import reading


@dataclass(frozen=True, slots=True)
class Live:
    """How a page of the log is followed from where it was read."""

    href: str
    after: str
    newest_href: str


def live_of(search: LogSearch, place: TailPlace) -> Live | None:
    """How to follow this page; None where new rows would not stand on top of it."""
    if search.order.cursor or search.order.oldest_first or search.period.end:
        return None
    kept = [pair for pair in pairs() if pair[0] not in {"limit", "sort"}]
    query = EXPLORER.href(kept).partition("?")[2]
    href = address("logs.live")
    return Live(f"{href}?{query}" if query else href, place.encode(), EXPLORER.href(pairs()))


@bp.get("/live")
@requires(*READERS)
def live() -> Response:
    """New rows as table rows; X-Tail-After is the place to ask from next, X-Tail-More says that more wait.

    Read from the primary: a replica that lags would take a place back.
    """
    search = searched(LogSearch, also=("after",))
    for name in ("cursor", "sort", "to"):
        if given := one(request.args, name):
            raise BadParameter(name, given, "rien : le direct suit le haut de la première page")
    tail = read_tail(reading(), search, parse_place(one(request.args, "after") or ""))
    shown = {"tail": tail, "explorer": EXPLORER, "tools": tools(EXPLORER, Book.LOG, search, request.args)}
    answer = make_response(render_template("logs/_live.html", **shown))
    answer.headers["X-Tail-After"] = tail.place.encode()
    answer.headers["X-Tail-More"] = "1" if tail.more else "0"
    return answer
