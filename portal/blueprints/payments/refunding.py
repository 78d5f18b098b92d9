"""Refunding a payment: GET says what it will do, POST acts."""

from uuid import UUID

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from markupsafe import Markup
from werkzeug.wrappers import Response

from portal.blueprints.access import gateway, me, requires
from portal.blueprints.again import recently
from portal.blueprints.errors import sentence
from portal.blueprints.filters import as_typed, money
from portal.blueprints.payments import bp
from portal.blueprints.payments.forms import RefundPaymentForm
from portal.blueprints.payments.views import payment_or_404
from portal.domain.errors import RefundRefused
from portal.domain.money import AmountInvalid, parse_minor
from portal.domain.people import Role
from portal.domain.refunds.effect import Effect, effect_of
from portal.domain.refunds.request import request_refund
from portal.domain.refunds.sending import send_refund
from portal.domain.standing import Standing, read_standing
from portal.domain.work import utc_now
from portal.queries.balance import reserving_payouts
from portal.queries.complaint_search import RefundStatus
from portal.queries.payment_search import PaymentDetail
from portal.unit_of_work import reading, unit_of_work

Page = str | Response | tuple[str, int]


@bp.get("/payments/<uuid:payment_id>/refund")
@requires(Role.ADMIN)
@recently
def refund(payment_id: UUID) -> Page:
    """What giving money back means for this payment; changes nothing."""
    detail, form = payment_or_404(payment_id), RefundPaymentForm()
    if detail.left_minor > 0:
        everything = as_typed(detail.left_minor, detail.sold.payment.currency)
        form.amount.data = request.args.get("amount") or everything
    return _page(detail, form)


@bp.post("/payments/<uuid:payment_id>/refund")
@requires(Role.ADMIN)
@recently
def refund_post(payment_id: UUID) -> Page:
    """Show what the amount typed will do, or give it back; says at once what Stripe answered."""
    form = RefundPaymentForm()
    payment_or_404(payment_id)
    if request.form.get("step") == "preview":
        return _page(payment_or_404(payment_id), form)
    try:
        refund_id = _ask(payment_id, form)
    except RefundRefused as refusal:
        return _refused(payment_id, form, refusal)
    send_refund(unit_of_work, gateway(), refund_id=refund_id, clock=utc_now)
    _tell(payment_or_404(payment_id), refund_id)
    return redirect(url_for("payments.detail", payment_id=payment_id))


def _ask(payment_id: UUID, form: RefundPaymentForm) -> UUID:
    actor = me().actor
    with unit_of_work() as session:
        refund = request_refund(
            session,
            payment_id=payment_id,
            reason=form.reason.data or "",
            actor=actor,
            now=utc_now(),
            amount=form.amount.data or "",
            form_token=form.token,
        )
        return refund.id


def _refused(payment_id: UUID, form: RefundPaymentForm, refusal: RefundRefused) -> Page:
    error = refusal.facts.get("error")
    if error == "invalid_reason":
        form.reason.errors = [sentence(refusal)]
    elif error in {"invalid_amount", "amount_too_large"}:
        form.amount.errors = [sentence(refusal)]
    else:
        form.form_errors = [sentence(refusal)]
    return _page(payment_or_404(payment_id), form), refusal.status


def _page(detail: PaymentDetail, form: RefundPaymentForm) -> str:
    payment, creator = detail.sold.payment, detail.creator
    reserving = [p for p in reserving_payouts(reading(), creator.id) if p.currency == payment.currency]
    reading().close()  # no transaction stays open while Stripe is asked
    standing = read_standing(gateway(), creator.stripe_account_id)
    reserved = sum(payout.amount_minor for payout in reserving)
    return render_template(
        "payments/refund.html",
        found=detail,
        payment=payment,
        form=form,
        standing=standing,
        reserving=reserving,
        own=me().user_id in {detail.sold.buyer.id, creator.user_id},
        effect=_effect(detail, form, standing, reserved),
    )


def _effect(detail: PaymentDetail, form: RefundPaymentForm, standing: Standing, reserved: int) -> Effect | None:
    """What the amount in the form would do, when it is one."""
    payment = detail.sold.payment
    try:
        amount = parse_minor(form.amount.data or "", payment.currency)
    except AmountInvalid:
        return None
    if not 0 < amount <= detail.left_minor:
        return None
    return effect_of(
        amount,
        paid_minor=payment.amount_minor,
        fee_minor=payment.platform_fee_minor,
        available_minor=standing.available_minor(payment.currency),
        reserved_minor=reserved,
    )


def _tell(detail: PaymentDetail, refund_id: UUID) -> None:
    """What became of it, in one sentence with the way to the trace."""
    refund = next(refund for refund, _ in detail.refunds if refund.id == refund_id)
    words = {"amount": money(refund.amount_minor, refund.currency), "name": detail.sold.buyer.name}
    outcomes = {
        RefundStatus.SUCCEEDED: ("success", _("%(amount)s remboursés à %(name)s.", **words)),
        RefundStatus.FAILED: ("error", _(
            "Stripe a refusé le remboursement de %(amount)s à %(name)s (%(code)s) : rien n’a été rendu.",
            code=refund.failure_reason, **words)),
        RefundStatus.PENDING: ("warning", _(
            "Remboursement de %(amount)s à %(name)s enregistré ; Stripe n’a pas encore répondu."
            " Ne recommencez pas : le portail vérifie tout seul.", **words)),
    }  # fmt: skip
    tone, message = outcomes[refund.status]
    trace = url_for("traces.show", kind="refund", id=refund.id)
    flash(Markup('{} <a href="{}">{}</a>').format(message, trace, _("Voir la trace")), tone)
