"""/login/password/<token>: the holder of a one-time link chooses a password."""

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal.blueprints.auth import bp
from portal.blueprints.auth.forms import ChoosePasswordForm
from portal.blueprints.errors import sentence
from portal.domain.doors.passwords import holder_of, use_link
from portal.domain.errors import PasswordRefused
from portal.domain.work import utc_now
from portal.unit_of_work import reading, unit_of_work


@bp.get("/login/password/<token>")
def choose(token: str) -> str:
    """The form; 404 when the link is unknown, used or old. Changes nothing."""
    return _page(token, ChoosePasswordForm())


@bp.post("/login/password/<token>")
def choose_post(token: str) -> str | Response | tuple[str, int]:
    """Store the password; the link is used up."""
    form = ChoosePasswordForm()
    if not form.agrees():
        return _page(token, form), 422
    try:
        with unit_of_work() as unit:
            use_link(unit, token=token, new=form.new.data or "", ip_address=request.remote_addr, now=utc_now())
    except PasswordRefused as refusal:
        form.new.errors = [sentence(refusal)]
        return _page(token, form), refusal.status
    flash(_("Mot de passe enregistré : connectez-vous."), "success")
    return redirect(url_for("auth.login"))


def _page(token: str, form: ChoosePasswordForm) -> str:
    holder = holder_of(reading(), token, now=utc_now())
    return render_template("auth/choose.html", form=form, token=token, holder=holder)
