"""A creator takes a request back: GET confirms, POST acts."""

from uuid import UUID

from flask import abort, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal.blueprints.access import me, requires
from portal.blueprints.creator import bp
from portal.blueprints.creator.views import own_creator
from portal.blueprints.errors import sentence
from portal.domain.errors import PayoutRefused
from portal.domain.payouts.cancel import withdraw_payout
from portal.domain.people import Role
from portal.domain.work import utc_now
from portal.queries.payout_search import find_payout
from portal.unit_of_work import reading, unit_of_work


@bp.get("/payouts/<uuid:payout_id>/withdraw")
@requires(Role.CREATOR)
def withdraw(payout_id: UUID) -> str:
    """What taking the request back means; changes nothing."""
    return _page(payout_id)


@bp.post("/payouts/<uuid:payout_id>/withdraw")
@requires(Role.CREATOR)
def withdraw_post(payout_id: UUID) -> Response | tuple[str, int]:
    """Take the request back, as long as it was not sent."""
    creator_id, actor = own_creator().id, me().actor
    try:
        with unit_of_work() as session:
            withdraw_payout(session, payout_id=payout_id, creator_id=creator_id, actor=actor, clock=utc_now)
    except PayoutRefused as refusal:
        return _page(payout_id, sentence(refusal)), refusal.status
    flash(_("Demande retirée : le montant est de nouveau disponible."), "success")
    return redirect(url_for("creator.payout", payout_id=payout_id))


def _page(payout_id: UUID, refused: str | None = None) -> str:
    detail = find_payout(reading(), payout_id, creator_id=own_creator().id)
    if detail is None:
        abort(404)
    return render_template("creator/withdraw.html", payout=detail.payout, refused=refused)
