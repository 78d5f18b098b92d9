"""/account/second-factor: setting it up, its recovery codes, and taking it away."""

import io
from typing import Any

import segno
from flask import Response, abort, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_login import login_user
from werkzeug.wrappers import Response as BaseResponse

from portal.blueprints.access import browser, load_signed_in, me, requires
from portal.blueprints.account import bp
from portal.blueprints.account.forms import CodeForm
from portal.blueprints.again import ConfirmForm, answered, recently, with_wait
from portal.blueprints.errors import sentence
from portal.domain.doors import second_factor as rules
from portal.domain.doors.sessions import end_sessions, replace
from portal.domain.errors import SecondFactorRefused
from portal.domain.people import Role, User, find_user
from portal.domain.work import utc_now
from portal.queries.people import pending_factor
from portal.unit_of_work import reading, unit_of_work

Page = str | BaseResponse | tuple[str, int]


@bp.get("/second-factor")
@requires(*Role)
@recently
def second_factor() -> Page:
    """How to set it up, or that it is; the secret is shown only until it is confirmed."""
    return _page(CodeForm())


@bp.post("/second-factor/begin")
@requires(*Role)
@recently
def second_factor_begin() -> Page:
    """Make a secret to be scanned."""
    try:
        with unit_of_work() as unit:
            rules.begin_second_factor(unit, user=_locked(unit))
    except SecondFactorRefused as refusal:
        flash(sentence(refusal), "error")
        return redirect(url_for("account.security"))
    return redirect(url_for("account.second_factor"))


@bp.get("/second-factor/code.svg")
@requires(*Role)
@recently
def second_factor_image() -> BaseResponse:
    """The code that an authenticator scans, while it waits to be confirmed."""
    factor = pending_factor(reading(), me().user_id)
    if factor is None:
        abort(404)
    drawn = io.BytesIO()
    address = rules.address_of(factor, me().email)
    drawing = segno.make(address, error="m")
    drawing.save(drawn, kind="svg", scale=5, border=3, light="#fff", svgclass=None, lineclass=None)
    return Response(drawn.getvalue(), mimetype="image/svg+xml")


@bp.post("/second-factor")
@requires(*Role)
@recently
def second_factor_post() -> Page:
    """Let it guard the account once a code shows that it works; other sessions end."""
    form, somebody, now = CodeForm(), me(), utc_now()
    facts, actor = browser().facts(), somebody.actor
    try:
        with unit_of_work() as unit:
            code = form.code.data or ""
            codes = rules.confirm_second_factor(unit, user=_locked(unit), code=code, facts=facts, now=now)
            end_sessions(unit, user_id=somebody.user_id, actor=actor, now=now, but=somebody.token)
            token = replace(unit, somebody.token, confirmed=True, now=now)
    except SecondFactorRefused as refusal:
        form.code.errors = [sentence(refusal)]
        return _page(form), refusal.status
    login_user(load_signed_in(token))
    return render_template("account/codes.html", codes=codes, fresh=True)


@bp.get("/second-factor/codes")
@requires(*Role)
def recovery_codes() -> Page:
    """Asks for password and code before new recovery codes are made."""
    return _proof("codes", ConfirmForm())


@bp.post("/second-factor/codes")
@requires(*Role)
def recovery_codes_post() -> Page:
    """New recovery codes, shown once; the old ones open nothing any more."""
    form = ConfirmForm()
    status = answered(form)
    if status is not None:
        return with_wait(_proof("codes", form), status, form)  # type: ignore[no-any-return]
    facts = browser().facts()
    with unit_of_work() as unit:
        codes = rules.renew_recovery_codes(unit, user=_locked(unit), facts=facts)
    return render_template("account/codes.html", codes=codes, fresh=False)


@bp.get("/second-factor/disable")
@requires(*Role)
def second_factor_disable() -> Page:
    """Asks for password and code before the second factor goes."""
    return _proof("disable", ConfirmForm())


@bp.post("/second-factor/disable")
@requires(*Role)
def second_factor_disable_post() -> Page:
    """Take it away; the session goes on under another token."""
    form = ConfirmForm()
    status = answered(form)
    if status is not None:
        return with_wait(_proof("disable", form), status, form)  # type: ignore[no-any-return]
    facts = browser().facts()
    with unit_of_work() as unit:
        rules.disable_second_factor(unit, user=_locked(unit), facts=facts)
    flash(_("Le second facteur est désactivé : le mot de passe suffit."), "success")
    return redirect(url_for("account.security"))


def _locked(unit: Any) -> User:
    return find_user(unit, me().user_id, lock=True)


def _proof(what: str, form: ConfirmForm) -> str:
    if rules.factor_of(reading(), me().user_id) is None:
        abort(404)
    return render_template("account/prove.html", form=form, what=what)


def _page(form: CodeForm) -> str:
    pending = pending_factor(reading(), me().user_id)
    factor = rules.factor_of(reading(), me().user_id)
    return render_template("account/factor.html", form=form, pending=pending, factor=factor)
