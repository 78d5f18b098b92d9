"""Approving and rejecting a payout: GET confirms, POST acts."""

from uuid import UUID

from flask import redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal.blueprints.access import gateway, me, requires, settings
from portal.blueprints.again import recently
from portal.blueprints.errors import sentence
from portal.blueprints.moments import local_datetime
from portal.blueprints.payouts import bp
from portal.blueprints.payouts.forms import ApprovePayoutForm, RejectPayoutForm, must_retype
from portal.blueprints.payouts.looking import look, saw_them_pass, seal_of
from portal.blueprints.payouts.telling import tell, tell_outcome, words_of
from portal.blueprints.payouts.views import payout_or_404
from portal.blueprints.payouts.words import STATUSES, shown_checks
from portal.domain.errors import PayoutRefused
from portal.domain.payouts.review import approve_payout, reject_payout
from portal.domain.payouts.two_admins import needs_two
from portal.domain.people import Role
from portal.domain.work import utc_now
from portal.queries.payout_approvals import first_approvals
from portal.queries.payout_search import Payout, PayoutDetail, PayoutStatus
from portal.unit_of_work import reading, unit_of_work

Page = str | Response | tuple[str, int]


@bp.get("/<uuid:payout_id>/approve")
@requires(Role.ADMIN)
@recently
def approve(payout_id: UUID) -> Page:
    """What approving means for this payout; changes nothing."""
    detail = payout_or_404(payout_id)
    if detail.payout.status is not PayoutStatus.REQUESTED:
        return _changed(detail, _already_decided(detail))
    return _approve_page(detail, ApprovePayoutForm())


@bp.post("/<uuid:payout_id>/approve")
@requires(Role.ADMIN)
@recently
def approve_post(payout_id: UUID) -> Page:
    """Approve and send; says at once what Stripe answered."""
    form, seen = ApprovePayoutForm(), payout_or_404(payout_id)
    despite, above = _wants_reason(seen.payout, form), settings().payout_retype_above
    if not form.is_sure(seen.payout.amount_minor, seen.payout.currency, above, despite=despite):
        return _approve_page(seen, form), 422
    try:
        approve_payout(
            unit_of_work,
            gateway(),
            payout_id=payout_id,
            actor=me().actor,
            clock=utc_now,
            version=form.seen_version,
            despite=form.reason.data if despite else None,
            two_above=settings().payout_two_admins_above,
        )
    except PayoutRefused as refusal:
        return _refused(payout_id, refusal)
    tell_outcome(payout_or_404(payout_id))
    return redirect(url_for("payouts.detail", payout_id=payout_id))


def _wants_reason(payout: Payout, form: ApprovePayoutForm) -> bool:
    """Whether checks did not pass: on the page that was shown or, where nothing proves what it showed, now.

    Not asked of what the approval refuses anyway, saying why: decided, changed, one's own, blocked.
    """
    changed = payout.status is not PayoutStatus.REQUESTED or form.seen_version not in {None, payout.version}
    if changed or saw_them_pass(payout, form.passed.data or ""):
        return False
    seen = look(payout)
    return seen.failed and not seen.forbidden


def _refused(payout_id: UUID, refusal: PayoutRefused) -> Page:
    """Somebody was first: the 409 page. Anything else: the confirmation again, saying why not."""
    detail = payout_or_404(payout_id)
    if refusal.event.endswith("_INVALID_STATUS"):
        return _changed(detail, sentence(refusal))
    form = ApprovePayoutForm()
    form.form_errors = [sentence(refusal)]
    return _approve_page(detail, form), refusal.status


def _changed(detail: PayoutDetail, message: str) -> tuple[str, int]:
    change = {
        "label": _("Statut"),
        "before": STATUSES[PayoutStatus.REQUESTED],
        "after": STATUSES[detail.payout.status],
    }
    changes = [change] if detail.payout.status is not PayoutStatus.REQUESTED else None
    back = url_for("payouts.detail", payout_id=detail.payout.id)
    return render_template("errors/409.html", message=message, detail=changes, back_href=back), 409


def _already_decided(detail: PayoutDetail) -> str:
    payout = detail.payout
    state = STATUSES[payout.status]
    if detail.decided_by is None or payout.decided_at is None:
        return str(_("Ce payout n’attend plus de décision : il est maintenant « %(state)s ».", state=state))
    name, when = detail.decided_by.name, local_datetime(payout.decided_at)
    text = _("%(name)s a déjà décidé de ce payout le %(when)s : il est maintenant « %(state)s ».",
             name=name, when=when, state=state)  # fmt: skip
    return str(text)


def _approve_page(detail: PayoutDetail, form: ApprovePayoutForm) -> str:
    payout, seen = detail.payout, look(detail.payout)
    form.version.data, form.passed.data = str(payout.version), seal_of(payout, seen)
    return render_template(
        "payouts/approve.html",
        payout=payout,
        creator=payout.creator,
        form=form,
        standing=seen.standing,
        available=seen.standing.available_minor(payout.currency),
        bank=seen.standing.bank(payout.currency),
        checks=shown_checks(seen.checks, detail, seen.standing),
        failed=seen.failed,
        forbidden=seen.forbidden,
        two=needs_two(payout, settings().payout_two_admins_above),
        first=first_approvals(reading(), [payout.id]).get(payout.id),
        retype_above=settings().payout_retype_above,
        retype=must_retype(payout.amount_minor, payout.currency, settings().payout_retype_above),
    )


@bp.get("/<uuid:payout_id>/reject")
@requires(Role.ADMIN)
@recently
def reject(payout_id: UUID) -> Page:
    """Asks for the reason; changes nothing."""
    detail = payout_or_404(payout_id)
    if detail.payout.status is not PayoutStatus.REQUESTED:
        return _changed(detail, _already_decided(detail))
    return _reject_page(detail, RejectPayoutForm())


@bp.post("/<uuid:payout_id>/reject")
@requires(Role.ADMIN)
@recently
def reject_post(payout_id: UUID) -> Page:
    """Reject, or show first what the creator would read."""
    form = RejectPayoutForm()
    if form.is_short:
        form.reason.errors = [_("Expliquez en 10 caractères au moins.")]
        return _reject_page(payout_or_404(payout_id), form), 422
    if request.form.get("step") == "preview":
        return _reject_page(payout_or_404(payout_id), form)
    try:
        _reject(payout_id, form)
    except PayoutRefused as refusal:
        return _rejection_refused(payout_id, form, refusal)
    detail = payout_or_404(payout_id)
    words = words_of(detail)
    tell("success", _("Payout de %(amount)s à %(name)s rejeté : le solde est libéré.", **words), detail)
    return redirect(url_for("payouts.detail", payout_id=payout_id))


def _reject(payout_id: UUID, form: RejectPayoutForm) -> None:
    actor, version = me().actor, form.seen_version
    with unit_of_work() as session:
        reject_payout(
            session, payout_id=payout_id, actor=actor, reason=form.full_reason, now=utc_now(), version=version
        )


def _rejection_refused(payout_id: UUID, form: RejectPayoutForm, refusal: PayoutRefused) -> Page:
    detail = payout_or_404(payout_id)
    if refusal.status == 409:
        return _changed(detail, sentence(refusal))
    form.reason.errors = [sentence(refusal)]
    return _reject_page(detail, form), refusal.status


def _reject_page(detail: PayoutDetail, form: RejectPayoutForm) -> str:
    form.version.data = form.version.data or str(detail.payout.version)
    return render_template(
        "payouts/reject.html",
        payout=detail.payout,
        creator=detail.payout.creator,
        form=form,
        preview=form.full_reason if form.is_submitted() and not form.is_short else None,
    )
