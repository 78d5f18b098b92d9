"""The queue, and one payout."""

from typing import Any
from uuid import UUID

from flask import abort, render_template, request, url_for

from portal.blueprints.access import READERS, me, requires, settings, with_query
from portal.blueprints.filters import select_timezone
from portal.blueprints.lists import hidden, kept, page_href, with_page_size
from portal.blueprints.payouts import bp
from portal.blueprints.payouts.words import shown_steps, tabs
from portal.domain.work import utc_now
from portal.queries.creator_search import find_creator
from portal.queries.disputes import disputed_creators, open_disputes
from portal.queries.payout_approvals import first_approvals
from portal.queries.payout_search import (
    PayoutDetail,
    PayoutSearch,
    PayoutStatus,
    count_payouts,
    find_payout,
    stuck_since,
)
from portal.queries.trace import find_trace
from portal.queries.trace_rows import TraceKind
from portal.unit_of_work import reading

KEPT = ("q", "from", "to", "changedFrom", "tz", "creatorId", "limit")


@bp.get("")
@requires(*READERS)
def index() -> str:
    """The queue: what waits for a decision and what stands still come first, as tabs."""
    now = utc_now()
    search = PayoutSearch.from_args(with_page_size(request.args), tz=select_timezone(), now=now)
    page = search.page(reading())
    return render_template(
        "payouts/index.html",
        search=search,
        page=page,
        tabs=tabs(search, count_payouts(reading(), now=now), kept(*KEPT)),
        creator=find_creator(reading(), search.creator_id) if search.creator_id else None,
        late={row.id for row in page.rows if stuck_since(row, now)},
        firsts=first_approvals(reading(), (row.id for row in page.rows)),
        disputed=disputed_creators(reading(), (row.creator_id for row in page.rows)),
        hidden=_hidden(search),
        previous_href=page_href(page.previous),
        next_href=page_href(page.next),
        without=lambda **gone: with_query(cursor=None, **gone),
    )


def _hidden(search: PayoutSearch) -> list[tuple[str, Any]]:
    """The filters that the search box keeps."""
    found: list[tuple[str, Any]] = [("status", status) for status in search.statuses]
    found += [("stuck", 1)] if search.stuck else []
    found += hidden("changedFrom")
    return found + ([("creatorId", search.creator_id)] if search.creator_id else [])


def payout_or_404(payout_id: UUID) -> PayoutDetail:
    """The payout of an address."""
    detail = find_payout(reading(), payout_id)
    if detail is None:
        abort(404)
    return detail


@bp.get("/<uuid:payout_id>")
@requires(*READERS)
def detail(payout_id: UUID) -> str:
    """One payout: its life, facts and attempts, and what may be done with it."""
    found = payout_or_404(payout_id)
    payout, now = found.payout, utc_now()
    trace = find_trace(reading(), TraceKind.PAYOUT, str(payout_id), now=now)
    steps = trace.steps if trace else ()
    return render_template(
        "payouts/detail.html",
        payout=payout,
        creator=payout.creator,
        decided_by=found.decided_by,
        steps=shown_steps([step.step for step in steps], found, {step.step.key: step.log_id for step in steps}),
        disputes=open_disputes(reading(), payout.creator_id),
        late_since=stuck_since(payout, now),
        undecided=payout.status is PayoutStatus.REQUESTED,
        first=first_approvals(reading(), [payout.id]).get(payout.id),
        me_id=me().user_id,
        own=payout.creator.user_id == me().user_id,
        stripe_href=stripe_href(payout.stripe_account_id, payout.stripe_payout_id),
        trace_href=url_for("traces.show", kind="payout", id=payout.id),
    )


def stripe_href(account: str, stripe_payout_id: str | None) -> str | None:
    """The payout in Stripe's dashboard; the local Stripe has none."""
    if stripe_payout_id is None or settings().sandbox:
        return None
    mode = "" if settings().environment_label == "PROD" else "/test"
    return f"https://dashboard.stripe.com/{account}{mode}/payouts/{stripe_payout_id}"
