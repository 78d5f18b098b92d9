"""A creator's balance, payouts and history."""

from dataclasses import dataclass, replace
from uuid import UUID

from flask import abort, render_template, request

from portal.blueprints.access import gateway, me, requires
from portal.blueprints.creator import bp
from portal.blueprints.creator.words import shown_steps
from portal.blueprints.filters import select_timezone
from portal.blueprints.lists import page_href, with_page_size
from portal.domain.creators import Creator
from portal.domain.people import Role
from portal.domain.standing import Problem, Standing, problems_of, read_standing
from portal.domain.work import utc_now
from portal.queries.balance import Funds, funds_by_currency, reserving_payouts
from portal.queries.creator_search import find_creator
from portal.queries.payout_life import accepted_at, life_of
from portal.queries.payout_search import PayoutSearch, find_payout, recent_payouts
from portal.unit_of_work import reading

RECENT = 5


@dataclass(frozen=True, slots=True)
class Purse:
    """A creator's money as it stands: Stripe's side, what is reserved, and what is in the way."""

    creator: Creator
    standing: Standing
    funds: list[Funds]
    problems: list[Problem]


def own_creator() -> Creator:
    """The creator who is signed in."""
    creator_id = me().creator_id
    creator = find_creator(reading(), creator_id) if creator_id else None
    if creator is None:
        abort(404)
    return creator


def own_purse() -> Purse:
    """The money of the creator who is signed in."""
    creator = own_creator()
    reserving = reserving_payouts(reading(), creator.id)
    reading().close()  # no transaction stays open while Stripe is asked
    standing = read_standing(gateway(), creator.stripe_account_id)
    funds = funds_by_currency(standing.available, standing.pending, reserving, creator.currency)
    return Purse(creator, standing, funds, problems_of(creator, standing, reserving))


@bp.get("")
@requires(Role.CREATOR)
def dashboard() -> str:
    """What can be withdrawn, what is reserved and why, what happens next."""
    purse = own_purse()
    payouts = recent_payouts(reading(), purse.creator.id, limit=RECENT)
    return render_template("creator/dashboard.html", purse=purse, payouts=payouts, asked_at=utc_now())


@bp.get("/payouts")
@requires(Role.CREATOR)
def history() -> str:
    """Every payout of the creator who is signed in."""
    wanted = PayoutSearch.from_args(with_page_size(request.args), tz=select_timezone(), now=utc_now())
    search = replace(wanted, creator_id=own_creator().id)
    page = search.page(reading())
    return render_template(
        "creator/history.html",
        page=page,
        narrowed=wanted.narrowed,
        previous_href=page_href(page.previous),
        next_href=page_href(page.next),
    )


@bp.get("/payouts/<uuid:payout_id>")
@requires(Role.CREATOR)
def payout(payout_id: UUID) -> str:
    """One payout of the creator who is signed in; anybody else's does not exist."""
    detail = find_payout(reading(), payout_id, creator_id=own_creator().id)
    if detail is None:
        abort(404)
    steps = life_of(detail.payout, accepted=accepted_at(reading(), payout_id), now=utc_now())
    return render_template("creator/payout.html", payout=detail.payout, steps=shown_steps(steps, detail))
