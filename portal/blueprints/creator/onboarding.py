"""A creator's way to Stripe's onboarding, and back."""

from flask import flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal.blueprints.access import gateway, requires, settings
from portal.blueprints.creator import bp
from portal.blueprints.creator.forms import BeginOnboardingForm
from portal.blueprints.creator.views import own_creator, own_purse
from portal.blueprints.errors import sentence
from portal.domain.errors import CreatorRefused
from portal.domain.onboarding import begin_onboarding, refresh_account
from portal.domain.people import Role
from portal.unit_of_work import unit_of_work


@bp.get("/account")
@requires(Role.CREATOR)
def account() -> str:
    """Where the account stands, and what Stripe still wants."""
    return render_template("creator/account.html", purse=own_purse(), form=BeginOnboardingForm(), address=None)


@bp.post("/account")
@requires(Role.CREATOR)
def account_post() -> str | tuple[str, int]:
    """Make the account if need be, and show the way to Stripe.

    The way is a link, not a redirect: the page's policy lets forms lead nowhere but here.
    """
    form, creator_id = BeginOnboardingForm(), own_creator().id
    try:
        address = begin_onboarding(
            unit_of_work,
            gateway(),
            creator_id=creator_id,
            return_url=_outside("creator.account_return"),
            refresh_url=_outside("creator.account"),
        )
    except CreatorRefused as refusal:
        form.form_errors = [sentence(refusal)]
        return render_template("creator/account.html", purse=own_purse(), form=form, address=None), refusal.status
    return render_template("creator/account.html", purse=own_purse(), form=form, address=address)


@bp.get("/account/return")
@requires(Role.CREATOR)
def account_return() -> Response:
    """Back from Stripe: read the account again, and say what is left."""
    seen = refresh_account(unit_of_work, gateway(), creator_id=own_creator().id)
    if seen is None:
        flash(_("Stripe n’a pas répondu : l’état de votre compte se mettra à jour tout seul."), "warning")
    elif seen.payouts_enabled and not seen.requirements_due:
        flash(_("Votre compte Stripe est complet : vous pouvez être payé."), "success")
    else:
        flash(_("Stripe attend encore des informations, ou les vérifie."), "info")
    return redirect(url_for("creator.account"))


def _outside(endpoint: str) -> str:
    """An address of ours as Stripe's pages must know it."""
    return settings().public_url.rstrip("/") + url_for(endpoint)
