"""The menu of views on an explorer: the specification's own questions, one's own, those that others share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import url_for
from flask_babel import gettext

from portal.blueprints.access import me
from portal.blueprints.addresses import address
from portal.blueprints.explorer import Pair, pairs
from portal.domain.people import Role
from portal.queries.exports import Book
from portal.queries.saved_views import ViewEntry, views_for
from portal.unit_of_work import reading

EXPLORERS = {Book.LOG: "logs.index", Book.TRANSACTION_LOG: "transactions.index"}
SUMMARY: Mapping[str, Any] = {"by": "type", "from": "now-7d"}
PAYOUTS_NAMED = (("type", "PAYOUT_*"), ("q", "has:payoutId"))
DAY_OF_ERRORS = (("level", "ERROR"), ("level", "CRITICAL"), ("from", "now-24h"))


@dataclass(frozen=True, slots=True)
class Link:
    """One view: its name, the address that it stands for, and whether that is being shown."""

    name: Any
    href: str
    current: bool = False
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Menu:
    """Everything in the menu; `save_href` keeps the search being shown, for whom may."""

    built_in: Sequence[Link]
    own: Sequence[Link]
    shared: Sequence[Link]
    save_href: str | None


def menu_of(book: Book) -> Menu:
    """The menu for whoever is signed in."""
    user_id, views = me().user_id, views_for(reading(), me().user_id, book)
    query = urlencode(pairs())
    return Menu(
        built_in=_built_in() if book is Book.LOG else (),
        own=[link_of(view) for view in views if view.owner_id == user_id],
        shared=[link_of(view) for view in views if view.owner_id != user_id],
        save_href=url_for("saved_views.new", book=book, query=query) if me().role is Role.ADMIN else None,
    )


def link_of(view: ViewEntry) -> Link:
    """A saved view as a link."""
    current = bool(view.query) and sorted(parse_qsl(view.query)) == sorted(pairs())
    return Link(view.name, view_href(view), current, None if view.owner_id == me().user_id else view.owner)


def view_href(view: ViewEntry) -> str:
    """The explorer with a saved search."""
    return f"{address(EXPLORERS[view.book])}?{view.query}" if view.query else address(EXPLORERS[view.book])


def _built_in() -> list[Link]:
    """The three questions; the first, asked about one payout, needs its id and is a form in the menu as well."""
    return [
        _built(gettext("Payouts : tout ce qui en nomme un"), PAYOUTS_NAMED),
        _built(gettext("Erreurs des dernières 24 h"), DAY_OF_ERRORS),
        Link(gettext("Résumé par type, 7 derniers jours"), url_for("logs.groups", **SUMMARY)),
    ]


def _built(name: str, question: Sequence[Pair]) -> Link:
    return Link(name, f"{address('logs.index')}?{urlencode(question)}", sorted(pairs()) == sorted(question))
