"""What became of a decision, in sentences; and the way to the next payout that waits for one."""

from flask import flash, url_for
from flask_babel import gettext as _
from markupsafe import Markup

from portal.blueprints.filters import money
from portal.queries.payout_search import PayoutDetail, PayoutStatus, next_to_decide
from portal.unit_of_work import reading


def tell_outcome(detail: PayoutDetail) -> None:
    """What became of the money, in one sentence with the ways on."""
    tell(*outcome(detail), detail)


def outcome(detail: PayoutDetail) -> tuple[str, str]:
    """How an approval ended: a tone and a sentence."""
    payout = detail.payout
    words = words_of(detail) | {"code": _code(detail) or "—", "stripe": payout.stripe_payout_id}
    outcomes = {
        PayoutStatus.SUBMITTING: ("warning", _(
            "Payout de %(amount)s à %(name)s approuvé, mais l’issue de l’envoi à Stripe est inconnue (%(code)s)."
            " Ne recommencez pas : le portail vérifie tout seul.", **words)),
        PayoutStatus.FAILED: ("error", _(
            "Payout de %(amount)s à %(name)s approuvé, mais refusé par Stripe (%(code)s) : rien n’a été versé.",
            **words)),
        PayoutStatus.APPROVED: ("warning", _(
            "Payout de %(amount)s à %(name)s approuvé, mais pas encore envoyé à Stripe.", **words)),
        PayoutStatus.CANCELED: ("error", _(
            "Payout de %(amount)s à %(name)s annulé : le compte Stripe a changé depuis la demande.", **words)),
    }  # fmt: skip
    sent = _("Payout de %(amount)s à %(name)s approuvé et transmis à Stripe (%(stripe)s).", **words)
    return outcomes.get(payout.status, ("success", sent))


def words_of(detail: PayoutDetail) -> dict[str, object]:
    payout = detail.payout
    return {"amount": money(payout.amount_minor, payout.currency), "name": payout.creator.name}


def _code(detail: PayoutDetail) -> str | None:
    attempt = detail.payout.attempts[-1] if detail.payout.attempts else None
    told = (attempt.error_code or attempt.error_type) if attempt else None
    return detail.payout.failure_code or told


def tell(tone: str, message: str, detail: PayoutDetail) -> None:
    """Show a sentence on the next page, with the way to the trace and to the next payout that waits."""
    trace = url_for("traces.show", kind="payout", id=detail.payout.id)
    shown = Markup('{} <a href="{}">{}</a>').format(message, trace, _("Voir la trace"))
    following = next_to_decide(reading())
    if following is not None:
        words = {"amount": money(following.amount_minor, following.currency), "name": following.creator.name}
        label = _("Suivant : %(amount)s à %(name)s", **words)
        href = url_for("payouts.detail", payout_id=following.id)
        shown += Markup(' · <a href="{}" rel="next">{}</a>').format(href, label)
    flash(shown, tone)
