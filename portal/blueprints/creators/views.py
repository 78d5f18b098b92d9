"""The list of creators, and one creator."""

from uuid import UUID

from flask import abort, render_template, request, url_for
from flask_babel import gettext as _

from portal.blueprints.access import READERS, gateway, requires, with_query
from portal.blueprints.creators import bp
from portal.blueprints.lists import page_href, with_page_size
from portal.domain.creators import Creator
from portal.domain.standing import problems_of, read_standing
from portal.domain.work import utc_now
from portal.queries.balance import funds_by_currency, reserving_payouts
from portal.queries.creator_search import (
    CreatorCounts,
    CreatorSearch,
    CreatorState,
    count_creators,
    find_creator,
)
from portal.queries.disputes import open_disputes
from portal.queries.payout_search import former_accounts, recent_payouts
from portal.unit_of_work import reading

RECENT = 8


@bp.get("")
@requires(*READERS)
def index() -> str:
    """Creators, newest first, with what keeps some from being paid as tabs."""
    search = CreatorSearch.from_args(with_page_size(request.args))
    page = search.page(reading())
    return render_template(
        "creators/index.html",
        search=search,
        page=page,
        tabs=_tabs(search, count_creators(reading())),
        previous_href=page_href(page.previous),
        next_href=page_href(page.next),
        without=lambda **gone: with_query(cursor=None, **gone),
    )


def _tabs(search: CreatorSearch, counts: CreatorCounts) -> list[dict[str, object]]:
    labels = {
        CreatorState.BLOCKED: _("Bloqués"),
        CreatorState.NO_ACCOUNT: _("Sans compte Stripe"),
        CreatorState.PAYOUTS_DISABLED: _("Payouts non autorisés"),
        CreatorState.SCHEDULE: _("Versés par Stripe"),
    }
    text = search.text or None
    everybody = {"label": _("Tous"), "href": url_for("creators.index", q=text), "count": counts.everybody}
    tabs: list[dict[str, object]] = [everybody | {"current": search.state is None}]
    for state, label in labels.items():
        href = url_for("creators.index", state=state, q=text)
        tabs.append(
            {"label": label, "href": href, "count": counts.by_state[state], "current": search.state is state}
        )
    return tabs


def creator_or_404(creator_id: UUID) -> Creator:
    """The creator of an address."""
    creator = find_creator(reading(), creator_id)
    if creator is None:
        abort(404)
    return creator


@bp.get("/<uuid:creator_id>")
@requires(*READERS)
def detail(creator_id: UUID) -> str:
    """One creator: account, block, balance as Stripe shows it now, latest payouts."""
    creator = creator_or_404(creator_id)
    reserving = reserving_payouts(reading(), creator.id)
    payouts = recent_payouts(reading(), creator.id, limit=RECENT)
    former = former_accounts(reading(), creator)
    disputes = open_disputes(reading(), creator.id)
    reading().close()  # no transaction stays open while Stripe is asked
    standing = read_standing(gateway(), creator.stripe_account_id)
    return render_template(
        "creators/detail.html",
        creator=creator,
        standing=standing,
        asked_at=utc_now(),
        problems=problems_of(creator, standing, reserving),
        former_accounts=former,
        funds=funds_by_currency(standing.available, standing.pending, reserving, creator.currency),
        payouts=payouts,
        disputes=disputes,
        trace_href=url_for("traces.show", kind="creator", id=creator.id),
        logs_href=url_for("logs.index", entity=creator.id),
    )
