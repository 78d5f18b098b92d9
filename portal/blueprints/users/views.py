"""The list of accounts, and one account."""

from typing import Any
from uuid import UUID

from flask import abort, render_template, request, url_for
from flask_babel import gettext as _

from portal.blueprints.access import READERS, me, requires, session_limits, with_query
from portal.blueprints.account.words import device
from portal.blueprints.lists import hidden, kept, page_href, with_page_size
from portal.blueprints.users import bp
from portal.blueprints.users.words import PLURALS
from portal.domain.work import utc_now
from portal.queries.people import live_sessions
from portal.queries.user_search import Account, UserSearch, UserState, count_users, find_account, open_link
from portal.unit_of_work import reading


@bp.get("")
@requires(*READERS)
def index() -> str:
    """Accounts, newest first; roles as tabs."""
    search = UserSearch.from_args(with_page_size(request.args))
    page = search.page(reading())
    return render_template(
        "users/index.html",
        search=search,
        page=page,
        tabs=_tabs(search),
        states=_states(),
        hidden=hidden("role"),
        previous_href=page_href(page.previous),
        next_href=page_href(page.next),
        without=lambda **gone: with_query(cursor=None, **gone),
    )


def _tabs(search: UserSearch) -> list[dict[str, Any]]:
    stay, counts = kept("q", "state", "limit"), count_users(reading())
    everybody = {"label": _("Tous"), "href": url_for("users.index", **stay), "count": sum(counts.values())}
    tabs: list[dict[str, Any]] = [everybody | {"current": search.role is None}]
    for role, label in PLURALS.items():
        href = url_for("users.index", role=role, **stay)
        tabs.append({"label": label, "href": href, "count": counts[role], "current": search.role is role})
    return tabs


def _states() -> dict[UserState, str]:
    return {
        UserState.ENABLED: _("actifs"),
        UserState.DISABLED: _("désactivés"),
        UserState.UNGUARDED: _("sans second facteur"),
        UserState.NEVER: _("jamais connectés"),
    }


def account_or_404(user_id: UUID) -> Account:
    """The account of an address."""
    account = find_account(reading(), user_id)
    if account is None:
        abort(404)
    return account


@bp.get("/<uuid:user_id>")
@requires(*READERS)
def detail(user_id: UUID) -> str:
    """One account: what guards it, who is signed in with it, and the way to what it did."""
    account, now = account_or_404(user_id), utc_now()
    return render_template(
        "users/detail.html",
        account=account,
        user=account.user,
        is_me=user_id == me().user_id,
        sessions=live_sessions(reading(), user_id, idle=session_limits().idle, now=now),
        link=open_link(reading(), user_id, now=now),
        device=device,
        acted_as=account.creator_id or account.id,
    )
