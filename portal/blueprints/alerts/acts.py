"""Taking an alert on, silencing its key and ending that: GET confirms, POST acts."""

from uuid import UUID

from flask import abort, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal.blueprints.access import me, requires
from portal.blueprints.alerts import bp, words
from portal.blueprints.alerts.forms import HOURS, SilenceForm
from portal.blueprints.errors import sentence
from portal.domain.alerts.handling import AlertRefused, acknowledge_alert, end_silence, silence_alerts
from portal.domain.people import Role
from portal.domain.work import utc_now
from portal.queries.alert_search import Alert, find_alert
from portal.unit_of_work import reading, unit_of_work

Page = str | Response | tuple[str, int]


@bp.post("/<uuid:alert_id>/acknowledge")
@requires(Role.ADMIN)
def acknowledge(alert_id: UUID) -> Page:
    """Say that somebody looks after it."""
    actor = me().actor
    try:
        with unit_of_work() as session:
            acknowledge_alert(session, alert_id=alert_id, actor=actor, now=utc_now())
    except AlertRefused as refusal:
        return _refused(refusal)
    flash(_("Alerte prise en charge : plus de rappel."), "success")
    return redirect(url_for("alerts.index"))


@bp.get("/<uuid:alert_id>/silence")
@requires(Role.ADMIN)
def silence(alert_id: UUID) -> Page:
    """Asks for how long and why; changes nothing."""
    return _ask(_alert(alert_id), SilenceForm())


@bp.post("/<uuid:alert_id>/silence")
@requires(Role.ADMIN)
def silence_post(alert_id: UUID) -> Page:
    """Tell nobody about its key for a while."""
    form, actor, alert = SilenceForm(), me().actor, _alert(alert_id)
    key, hours = alert.key, int(form.hours.data) if form.hours.data in map(str, HOURS) else 0
    try:
        with unit_of_work() as session:
            reason = form.reason.data or ""
            silence_alerts(session, key=key, hours=hours, reason=reason, actor=actor, now=utc_now())
    except AlertRefused as refusal:
        field = form.hours if not hours else form.reason
        form.errors  # noqa: B018 -- fills in the fields' own lists
        field.errors = [sentence(refusal)]
        return _ask(_alert(alert_id), form), 422
    flash(_("Alerte en sourdine : elle reste affichée, sans message."), "success")
    return redirect(url_for("alerts.index"))


@bp.post("/<uuid:alert_id>/unsilence")
@requires(Role.ADMIN)
def unsilence(alert_id: UUID) -> Page:
    """Tell of its key again."""
    actor, key = me().actor, _alert(alert_id).key
    try:
        with unit_of_work() as session:
            end_silence(session, key=key, actor=actor)
    except AlertRefused as refusal:
        return _refused(refusal)
    flash(_("Sourdine levée."), "success")
    return redirect(url_for("alerts.index"))


def _alert(alert_id: UUID) -> Alert:
    return find_alert(reading(), alert_id) or abort(404)


def _ask(alert: Alert, form: SilenceForm) -> str:
    return render_template("alerts/silence.html", alert=alert, form=form, words=words)


def _refused(refusal: AlertRefused) -> Page:
    """Missing is 404; what somebody else did first is said on the page as it is now."""
    if refusal.status == 404:
        abort(404)
    flash(sentence(refusal), "error")
    return redirect(url_for("alerts.index"))
