"""Sending a payout again, and cancelling it: GET confirms, POST acts."""

from uuid import UUID

from flask import flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal.blueprints.access import gateway, me, requires
from portal.blueprints.again import recently
from portal.blueprints.errors import sentence
from portal.blueprints.payouts import bp
from portal.blueprints.payouts.forms import CancelPayoutForm, RetryPayoutForm
from portal.blueprints.payouts.views import payout_or_404
from portal.domain.errors import PayoutRefused
from portal.domain.payouts.cancel import cancel_payout
from portal.domain.payouts.retry import retry_payout
from portal.domain.people import Role
from portal.domain.work import utc_now
from portal.queries.payout_search import PayoutDetail, PayoutStatus
from portal.unit_of_work import unit_of_work

Page = str | Response | tuple[str, int]


@bp.get("/<uuid:payout_id>/retry")
@requires(Role.ADMIN)
@recently
def retry(payout_id: UUID) -> Page:
    """What sending again means for this payout; changes nothing."""
    return _page("payouts/retry.html", payout_or_404(payout_id), RetryPayoutForm())


@bp.post("/<uuid:payout_id>/retry")
@requires(Role.ADMIN)
@recently
def retry_post(payout_id: UUID) -> Page:
    """Authorise a new attempt and send it."""
    form = RetryPayoutForm()
    payout_or_404(payout_id)
    try:
        retry_payout(
            unit_of_work,
            gateway(),
            payout_id=payout_id,
            actor=me().actor,
            reason=form.reason.data or "",
            clock=utc_now,
        )
    except PayoutRefused as refusal:
        return _refused("payouts/retry.html", payout_id, form, refusal)
    return _done(payout_id, _("Nouvelle tentative autorisée et envoyée à Stripe."))


@bp.get("/<uuid:payout_id>/cancel")
@requires(Role.ADMIN)
@recently
def cancel(payout_id: UUID) -> Page:
    """What cancelling means for this payout; changes nothing."""
    return _page("payouts/cancel.html", payout_or_404(payout_id), CancelPayoutForm())


@bp.post("/<uuid:payout_id>/cancel")
@requires(Role.ADMIN)
@recently
def cancel_post(payout_id: UUID) -> Page:
    """Cancel before it is sent, or at Stripe while it is pending there."""
    payout_or_404(payout_id)
    try:
        cancel_payout(unit_of_work, gateway(), payout_id=payout_id, actor=me().actor, clock=utc_now)
    except PayoutRefused as refusal:
        return _refused("payouts/cancel.html", payout_id, CancelPayoutForm(), refusal)
    return _done(payout_id, _("Payout annulé : le solde est libéré."))


def _page(template: str, detail: PayoutDetail, form: RetryPayoutForm | CancelPayoutForm) -> str:
    payout = detail.payout
    return render_template(template, payout=payout, creator=payout.creator, form=form)


def _refused(
    template: str, payout_id: UUID, form: RetryPayoutForm | CancelPayoutForm, refusal: PayoutRefused
) -> Page:
    form.form_errors = [sentence(refusal)]
    return _page(template, payout_or_404(payout_id), form), refusal.status


def _done(payout_id: UUID, what: str) -> Response:
    """Back to the payout; a new attempt that Stripe refused is told as the failure it is."""
    payout = payout_or_404(payout_id).payout
    if payout.status is PayoutStatus.FAILED:
        flash(_("Stripe a refusé la nouvelle tentative : %(reason)s", reason=payout.failure_message), "error")
    else:
        flash(what, "success")
    return redirect(url_for("payouts.detail", payout_id=payout_id))
