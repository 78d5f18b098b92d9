"""/login and /logout."""

from flask import Response, flash, make_response, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_login import login_user, logout_user
from werkzeug.wrappers import Response as BaseResponse

from portal.blueprints.access import browser, load_signed_in, person, safe_next, session_limits
from portal.blueprints.auth import bp
from portal.blueprints.auth.forms import SignInForm
from portal.blueprints.errors import sentence
from portal.blueprints.guessing import keys_of, open_proof, remember_browser, seal_proof, wait_for
from portal.domain.doors.sessions import sign_out
from portal.domain.doors.signing_in import Guess, sign_in
from portal.domain.errors import CodeWanted, SignInRefused, TooManyGuesses
from portal.domain.work import utc_now
from portal.unit_of_work import unit_of_work

KEPT = ("language", "utc")
"""What a browser had switched for itself, and keeps when somebody signs in."""


@bp.get("/login")
def login() -> str | BaseResponse:
    """The form; somebody already signed in goes home."""
    if person() is not None:
        return redirect(url_for("dashboard.home"))
    return _form(SignInForm())


@bp.post("/login")
def login_post() -> str | BaseResponse | tuple[str, int]:
    """Open a session and go where the person wanted to; where a second factor is set, ask for the code first."""
    form = SignInForm()
    if not form.validate_on_submit():
        return _form(form), 422
    try:
        token = _sign_in(form)
    except CodeWanted as wanted:
        form.proof.data = seal_proof(form.email.data or "", wanted.proof)
        return _form(form), 401
    except (SignInRefused, TooManyGuesses) as refusal:
        return _refused(form, refusal)
    return _welcome(form.email.data or "", token)


def _sign_in(form: SignInForm) -> str:
    email = form.email.data or ""
    proof = open_proof(email, form.proof.data or "") if form.proof.data else ""
    guess = Guess(email, form.password.data or "", form.code.data or "", proof)
    return sign_in(
        unit_of_work, guess, keys=keys_of(email), browser=browser(), limits=session_limits(), clock=utc_now
    )


def _refused(form: SignInForm, refusal: SignInRefused | TooManyGuesses) -> BaseResponse:
    """The form again: for the code alone when that was wrong, else for everything; it says how long to wait."""
    form.form_errors = [sentence(refusal)]
    if not open_proof(form.email.data or "", form.proof.data or ""):
        form.proof.data = ""
    response = make_response(_form(form), refusal.status)
    wait = wait_for(refusal, form.email.data or "")
    if wait:
        response.headers["Retry-After"] = str(wait)
    return response


def _welcome(email: str, token: str) -> BaseResponse:
    """Begin afresh: what this browser was before is over, its session too."""
    _end_present()
    kept = {name: session[name] for name in KEPT if name in session}
    session.clear()
    session.update(kept)
    login_user(load_signed_in(token))
    response: Response = make_response(redirect(safe_next(request.args.get("next")) or url_for("dashboard.home")))
    remember_browser(response, email)
    return response


def _form(form: SignInForm) -> str:
    return render_template("auth/login.html", form=form)


def _end_present() -> None:
    somebody = person()
    if somebody is not None:
        with unit_of_work() as unit:
            sign_out(unit, token=somebody.token, browser=browser(), now=utc_now())
    logout_user()


@bp.post("/logout")
def logout() -> BaseResponse:
    """End the session, here and wherever its cookie was copied."""
    _end_present()
    session.clear()
    flash(_("Vous êtes déconnecté."), "success")
    return redirect(url_for("auth.login"))
