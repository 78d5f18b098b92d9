"""The switch that pauses all sending, with its reason."""

from flask import flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal.blueprints.access import me, requires
from portal.blueprints.again import recently
from portal.blueprints.errors import sentence
from portal.blueprints.payouts import bp
from portal.blueprints.payouts.forms import PauseSendingForm
from portal.domain.errors import PayoutRefused
from portal.domain.payouts.pause import pause_sending, resume_sending
from portal.domain.people import Role
from portal.domain.work import utc_now
from portal.queries.dashboard import find_sending_pause
from portal.unit_of_work import reading, unit_of_work


@bp.get("/sending")
@requires(Role.ADMIN)
@recently
def sending() -> str:
    """Whether payouts are being sent, and the form that changes it."""
    return _page(PauseSendingForm())


@bp.post("/sending")
@requires(Role.ADMIN)
@recently
def sending_post() -> str | Response | tuple[str, int]:
    """Pause or resume, as the form says that was shown."""
    form = PauseSendingForm()
    pausing = form.action.data == "pause"
    try:
        _switch(form, pausing=pausing)
    except PayoutRefused as refusal:
        form.reason.errors = [sentence(refusal)]
        return _page(form), refusal.status
    flash(_("L’envoi des payouts est suspendu.") if pausing else _("L’envoi des payouts reprend."), "success")
    return redirect(url_for("payouts.sending"))


def _switch(form: PauseSendingForm, *, pausing: bool) -> None:
    actor, reason = me().actor, form.reason.data or ""
    with unit_of_work() as session:
        if pausing:
            pause_sending(session, reason=reason, actor=actor, now=utc_now())
        else:
            resume_sending(session, reason=reason, actor=actor)


def _page(form: PauseSendingForm) -> str:
    pause = find_sending_pause(reading())
    form.action.data = "resume" if pause else "pause"
    return render_template("payouts/sending.html", form=form, pause=pause)
