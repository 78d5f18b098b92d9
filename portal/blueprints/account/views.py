"""/account/security: what guards the account, the sessions that are open, and the password."""

from uuid import UUID

from flask import flash, make_response, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_login import login_user, logout_user
from werkzeug.wrappers import Response

from portal.blueprints.access import load_signed_in, me, requires, session_limits
from portal.blueprints.account import bp
from portal.blueprints.account.forms import ChangePasswordForm
from portal.blueprints.account.words import device
from portal.blueprints.errors import sentence
from portal.blueprints.guessing import keys_of, wait_for
from portal.blueprints.spoken import counted as ngettext
from portal.domain.doors.passwords import change_password
from portal.domain.doors.second_factor import codes_left, factor_of
from portal.domain.doors.sessions import end_session, end_sessions
from portal.domain.doors.waits import give_back, take_turn
from portal.domain.errors import PasswordRefused, TooManyGuesses
from portal.domain.people import Role
from portal.domain.work import utc_now
from portal.queries.people import live_sessions
from portal.unit_of_work import reading, unit_of_work


@bp.get("/security")
@requires(*Role)
def security() -> str:
    """Password, second factor and sessions at a glance."""
    somebody, limits = me(), session_limits()
    return render_template(
        "account/security.html",
        factor=factor_of(reading(), somebody.user_id),
        left=codes_left(reading(), somebody.user_id),
        sessions=live_sessions(reading(), somebody.user_id, idle=limits.idle, now=utc_now()),
        present=somebody.session_id,
        device=device,
        limits=limits,
    )


@bp.post("/sessions/<uuid:session_id>/end")
@requires(*Role)
def end_one(session_id: UUID) -> Response:
    """End one of one's own sessions; ending this one is signing out."""
    somebody = me()
    with unit_of_work() as unit:
        end_session(unit, user_id=somebody.user_id, session_id=session_id, actor=somebody.actor, now=utc_now())
    if session_id == somebody.session_id:
        logout_user()
        return redirect(url_for("auth.login"))
    flash(_("Session terminée."), "success")
    return redirect(url_for("account.security"))


@bp.post("/sessions/end-others")
@requires(*Role)
def end_others() -> Response:
    """End all of one's sessions but this one."""
    somebody = me()
    with unit_of_work() as unit:
        ended = end_sessions(
            unit, user_id=somebody.user_id, actor=somebody.actor, now=utc_now(), but=somebody.token
        )
    flash(ngettext("%(num)s autre session terminée.", "%(num)s autres sessions terminées.", ended), "success")
    return redirect(url_for("account.security"))


@bp.get("/password")
@requires(*Role)
def password() -> str:
    """Asks for the old password and a new one."""
    return render_template("account/password.html", form=ChangePasswordForm())


@bp.post("/password")
@requires(*Role)
def password_post() -> str | Response | tuple[str, int]:
    """Change the password; every other session ends."""
    form = ChangePasswordForm()
    if not form.agrees():
        return render_template("account/password.html", form=form), 422
    try:
        token = _change(form)
    except TooManyGuesses as refusal:
        form.form_errors = [sentence(refusal)]
        response = make_response(render_template("account/password.html", form=form), refusal.status)
        response.headers["Retry-After"] = str(wait_for(refusal, me().email))
        return response
    except PasswordRefused as refusal:
        (form.old if refusal.status == 403 else form.new).errors = [sentence(refusal)]
        return render_template("account/password.html", form=form), refusal.status
    login_user(load_signed_in(token))
    flash(_("Mot de passe changé. Vos autres sessions sont terminées."), "success")
    return redirect(url_for("account.security"))


def _change(form: ChangePasswordForm) -> str:
    """The session's new token; a wrong old password counts as a wrong guess."""
    somebody, now = me(), utc_now()
    actor, keys = somebody.actor, keys_of(somebody.email)
    with unit_of_work() as unit:
        take_turn(unit, keys, now=now)
    try:
        with unit_of_work() as unit:
            old, new = form.old.data or "", form.new.data or ""
            token = change_password(
                unit, user_id=somebody.user_id, token=somebody.token, old=old, new=new, actor=actor, now=now
            )
            give_back(unit, keys, now=now, forgive=True)
    except PasswordRefused as refusal:
        if refusal.status != 403:
            with unit_of_work() as unit:
                give_back(unit, keys, now=now, forgive=False)
        raise
    return token
