"""/login and /logout."""

from flask import flash, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_login import login_user, logout_user
from werkzeug.wrappers import Response

from portal.blueprints.access import browser, load_signed_in, person, safe_next, session_limits
from portal.blueprints.auth import bp
from portal.blueprints.auth.forms import SignInForm
from portal.blueprints.errors import sentence
from portal.domain.errors import SignInRefused
from portal.domain.people import sign_in, sign_out
from portal.domain.work import utc_now
from portal.unit_of_work import unit_of_work


@bp.get("/login")
def login() -> str | Response:
    """The form; somebody already signed in goes home."""
    if person() is not None:
        return redirect(url_for("dashboard.home"))
    return render_template("auth/login.html", form=SignInForm())


@bp.post("/login")
def login_post() -> str | Response | tuple[str, int]:
    """Open a session and go where the person wanted to."""
    form = SignInForm()
    if not form.validate_on_submit():
        return render_template("auth/login.html", form=form), 422
    try:
        token = _sign_in(form)
    except SignInRefused as refusal:
        form.form_errors = [sentence(refusal)]
        return render_template("auth/login.html", form=form), 401
    language = session.get("language")
    session.clear()
    if language:
        session["language"] = language
    login_user(load_signed_in(token))
    return redirect(safe_next(request.args.get("next")) or url_for("dashboard.home"))


def _sign_in(form: SignInForm) -> str:
    with unit_of_work() as unit:
        return sign_in(
            unit,
            email=form.email.data or "",
            password=form.password.data or "",
            browser=browser(),
            limits=session_limits(),
            now=utc_now(),
        )


@bp.post("/logout")
def logout() -> Response:
    """End the session, here and wherever its cookie was copied."""
    somebody = person()
    if somebody is not None:
        with unit_of_work() as unit:
            sign_out(unit, token=somebody.token, browser=browser(), now=utc_now())
    logout_user()
    session.clear()
    flash(_("Vous êtes déconnecté."), "success")
    return redirect(url_for("auth.login"))
