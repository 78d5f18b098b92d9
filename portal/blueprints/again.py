"""A recent sign-in before money moves: asked for on the way, and nothing that was typed is lost."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

from flask import current_app, make_response, redirect, render_template, request, url_for
from flask_babel import lazy_gettext as _
from flask_login import login_user
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from portal.blueprints.access import browser, load_signed_in, me, wants_json
from portal.blueprints.errors import sentence
from portal.blueprints.guessing import keys_of, wait_for
from portal.domain.doors.second_factor import factor_of
from portal.domain.doors.sessions import RECENT
from portal.domain.doors.signing_in import Guess, confirm
from portal.domain.errors import ConfirmationWanted, SignInRefused, TooManyGuesses
from portal.domain.people import LONGEST_PASSWORD
from portal.domain.work import utc_now
from portal.unit_of_work import reading, unit_of_work

P = ParamSpec("P")
OURS = ("csrf_token", "confirm_password", "confirm_code")


class ConfirmForm(FlaskForm):  # type: ignore[misc]
    """One's password once more, and a code where a second factor is set; named apart from another form's."""

    confirm_password = PasswordField(_("Mot de passe"), [InputRequired(), Length(max=LONGEST_PASSWORD)])
    confirm_code = StringField(_("Code"), [Length(max=64)])
    wait: int | None = None


def recently(view: Callable[P, Any]) -> Callable[P, Any]:
    """Let a view of somebody signed in be reached only a short while after they proved who they are.

    A page asks first and comes back; a form is answered by the question with all that was typed in it, and the
    right answer shows the form's own page again, filled in: nothing is done by proving who one is.
    """

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Any:
        if me().is_recent:
            return view(*args, **kwargs)
        if wants_json():
            message = "Connectez-vous à nouveau : cette action demande une connexion récente."
            raise ConfirmationWanted(
                message, event="USER_CONFIRMATION_WANTED", facts={"maxAgeSeconds": int(RECENT.total_seconds())}
            )
        if request.method == "GET":
            return redirect(url_for("auth.confirm", next=request.full_path.rstrip("?")))
        return _in_place()

    return guarded


def _in_place() -> Any:
    """The question in the form's own place, or the form's page once it is answered."""
    form = ConfirmForm()
    if "confirm_password" not in request.form:
        return question(form, request.path), 403
    status = answered(form)
    if status is not None:
        return with_wait(question(form, request.path), status, form)
    adapter = current_app.url_map.bind("")
    endpoint, values = adapter.match(request.path, method="GET")
    return current_app.view_functions[endpoint](**values)


def answered(form: ConfirmForm) -> int | None:
    """None once the answer is right, and the session confirmed; else the status to ask again with."""
    somebody = me()
    guess = Guess(somebody.email, form.confirm_password.data or "", form.confirm_code.data or "")
    try:
        token = confirm(
            unit_of_work,
            guess,
            token=somebody.token,
            keys=keys_of(somebody.email),
            browser=browser(),
            clock=utc_now,
        )
    except (SignInRefused, TooManyGuesses) as refusal:
        form.form_errors = [sentence(refusal)]
        form.wait = wait_for(refusal, somebody.email)
        return refusal.status
    login_user(load_signed_in(token))
    return None


def question(form: ConfirmForm, action: str, *, back: str | None = None) -> str:
    """The page that asks who one is; what else was sent travels along."""
    kept = [(name, value) for name, value in request.form.items(multi=True) if name not in OURS]
    guarded = factor_of(reading(), me().user_id) is not None
    return render_template("auth/confirm.html", form=form, action=action, kept=kept, guarded=guarded, back=back)


def with_wait(page: str, status: int, form: ConfirmForm) -> Any:
    """A page that says no, with Retry-After where a wait is imposed."""
    response = make_response(page, status)
    if form.wait:
        response.headers["Retry-After"] = str(form.wait)
    return response
