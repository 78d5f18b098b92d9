"""The form that asks for a payout: GET shows, POST acts."""

import re

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs

from portal.blueprints.access import gateway, me, requires, settings
from portal.blueprints.creator import bp
from portal.blueprints.creator.forms import RequestPayoutForm, new_token
from portal.blueprints.creator.views import Purse, own_creator, own_purse
from portal.blueprints.errors import sentence
from portal.blueprints.filters import as_typed, money
from portal.domain.errors import PayoutRefused
from portal.domain.payouts.request import SHORTEST_TOKEN, Requested, request_payout
from portal.domain.people import Role
from portal.domain.work import utc_now
from portal.queries.payout_search import PayoutStatus
from portal.unit_of_work import unit_of_work

CURRENCY = re.compile("[A-Za-z]{3}")


@bp.route("/payouts/new", methods=["GET", "POST"], endpoint="request_payout")
@requires(Role.CREATOR)
def ask() -> str | Response | tuple[str, int]:
    """The form beside the balance it draws on; sent twice, it leads to the same payout."""
    return _send() if request.method == "POST" else _page(RequestPayoutForm())


def _send() -> Response | tuple[str, int]:
    form, creator_id = RequestPayoutForm(), own_creator().id
    try:
        requested = request_payout(
            unit_of_work,
            gateway(),
            creator_id=creator_id,
            request=form.wish,
            actor=me().actor,
            auto_limit=settings().payout_auto_approve_limit,
            clock=utc_now,
        )
    except PayoutRefused as refusal:
        _attach(form, refusal)
        return _page(form), refusal.status if refusal.status >= 500 else 422
    _tell(requested)
    return redirect(url_for("creator.payout", payout_id=requested.payout.id))


def _attach(form: RequestPayoutForm, refusal: PayoutRefused) -> None:
    """Put a refusal beside the field that it is about; what was typed stays."""
    wish, text, code = form.wish, sentence(refusal), form.wish.currency.strip()
    if len(wish.form_token) < SHORTEST_TOKEN:
        form.form_token.data = new_token()
        form.form_errors = [text]
    elif refusal.event == "PAYOUT_REQUEST_CURRENCY_NOT_FOUND" or not CURRENCY.fullmatch(code):
        form.currency.errors = [text]
    elif refusal.event == "PAYOUT_REQUEST_INSUFFICIENT_BALANCE" or refusal.status == 422:
        form.amount.errors = [text]
    else:
        form.form_errors = [text]


def _page(form: RequestPayoutForm) -> str:
    purse = own_purse()
    currencies = [funds.currency for funds in purse.funds]
    form.currency.choices = [SelectChoice(currency, currency) for currency in currencies]
    form.currency.data = form.currency.data or purse.creator.currency
    if not form.is_submitted():
        form.amount.data = _everything(purse)
    return render_template("creator/request.html", form=form, purse=purse)


def _everything(purse: Purse) -> str | None:
    """What can be asked for now in the creator's currency, as one types it; None under the minimum."""
    left = next((line.left for line in purse.funds if line.currency == purse.creator.currency), 0)
    if left < purse.creator.payout_minimum_minor:
        return None
    return as_typed(left, purse.creator.currency)


def _tell(requested: Requested) -> None:
    payout = requested.payout
    words = {"amount": money(payout.amount_minor, payout.currency)}
    if not requested.is_new:
        return flash(_("Cette demande était déjà enregistrée : voici le payout de %(amount)s.", **words), "info")
    if payout.status is PayoutStatus.FAILED:
        return flash(_("Stripe a refusé le payout de %(amount)s ; rien n’a été versé.", **words), "error")
    flash(_("Demande de payout de %(amount)s enregistrée.", **words), "success")
