"""/login/confirm: proving again who one is, before a page that decides on money."""

from typing import Any

from flask import redirect, request, url_for

from portal.blueprints.access import me, requires, safe_next
from portal.blueprints.again import ConfirmForm, answered, question, with_wait
from portal.blueprints.auth import bp
from portal.domain.people import Role


@bp.get("/login/confirm")
@requires(*Role)
def confirm() -> Any:
    """The question; somebody who answered a moment ago goes on."""
    return redirect(_onward()) if me().is_recent else _ask(ConfirmForm())


@bp.post("/login/confirm")
@requires(*Role)
def confirm_post() -> Any:
    """Go on once the answer is right."""
    form = ConfirmForm()
    status = answered(form)
    if status is None:
        return redirect(_onward())
    return with_wait(_ask(form), status, form)


def _ask(form: ConfirmForm) -> str:
    here = url_for("auth.confirm_post", next=safe_next(request.args.get("next")))
    return question(form, here, back=url_for("dashboard.home"))


def _onward() -> str:
    return safe_next(request.args.get("next")) or url_for("dashboard.home")
