"""Sending an event round again, and dismissing it: GET confirms, POST acts."""

from flask import flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal.blueprints.access import me, requires
from portal.blueprints.errors import sentence
from portal.blueprints.moments import local_datetime
from portal.blueprints.webhooks import bp
from portal.blueprints.webhooks.forms import DismissWebhookForm, RetryWebhookForm
from portal.blueprints.webhooks.views import event_or_404
from portal.blueprints.webhooks.words import state_label
from portal.domain.people import Role
from portal.domain.work import utc_now
from portal.queries.webhook_entry import StripeEvent, decider_of
from portal.unit_of_work import reading, unit_of_work
from portal.webhooks.decisions import (
    CHANGED,
    EventRefused,
    dismiss_event,
    is_dismissible,
    is_retriable,
    retry_event,
)

Page = str | Response | tuple[str, int]


@bp.get("/<event_id>/retry")
@requires(Role.ADMIN)
def retry(event_id: str) -> Page:
    """What sending the event round again means; changes nothing."""
    event = event_or_404(event_id)
    if not is_retriable(event, utc_now()):
        return _changed(event, _("Cet événement ne peut pas être relancé dans cet état."))
    return _ask("retry", event, RetryWebhookForm())


@bp.post("/<event_id>/retry")
@requires(Role.ADMIN)
def retry_post(event_id: str) -> Page:
    """Process it again in the seconds that follow."""
    form, actor, now = RetryWebhookForm(), me().actor, utc_now()
    event_or_404(event_id)
    try:
        with unit_of_work() as session:
            retry_event(session, event_id=event_id, seen=form.seen, actor=actor, now=now)
    except EventRefused as refusal:
        return _changed(event_or_404(event_id), sentence(refusal))
    flash(_("Nouvel essai demandé : le traitement a lieu dans les secondes qui suivent."), "success")
    return redirect(url_for("webhooks.detail", event_id=event_id))


@bp.get("/<event_id>/dismiss")
@requires(Role.ADMIN)
def dismiss(event_id: str) -> Page:
    """Asks why the event is to be given up; changes nothing."""
    event = event_or_404(event_id)
    if not is_dismissible(event, utc_now()):
        return _changed(event, _("Cet événement ne peut pas être écarté dans cet état."))
    return _ask("dismiss", event, DismissWebhookForm())


@bp.post("/<event_id>/dismiss")
@requires(Role.ADMIN)
def dismiss_post(event_id: str) -> Page:
    """Give it up, with a note."""
    form, actor, now = DismissWebhookForm(), me().actor, utc_now()
    event_or_404(event_id)
    note, seen = form.note.data or "", form.seen
    try:
        with unit_of_work() as session:
            dismiss_event(session, event_id=event_id, seen=seen, note=note, actor=actor, now=now)
    except EventRefused as refusal:
        return _refused(event_or_404(event_id), form, refusal)
    flash(_("Événement écarté, avec votre note."), "success")
    return redirect(url_for("webhooks.detail", event_id=event_id))


def _ask(act: str, event: StripeEvent, form: RetryWebhookForm) -> str:
    form.state.data = form.state.data or event.state
    return render_template(f"webhooks/{act}.html", event=event, form=form, state_label=state_label(event.state))


def _refused(event: StripeEvent, form: DismissWebhookForm, refusal: EventRefused) -> Page:
    """A bad note is asked for again; a lost race is the 409 page."""
    if refusal.status != 422:
        return _changed(event, sentence(refusal))
    form.note.errors = [sentence(refusal)]
    return _ask("dismiss", event, form), 422


def _changed(event: StripeEvent, message: str) -> tuple[str, int]:
    """The 409 page: who decided first and when, and how the event stands now."""
    back, detail = url_for("webhooks.detail", event_id=event.id), _now(event)
    if message == _(CHANGED):
        message = _first(event) or message
    return render_template("errors/409.html", message=message, detail=detail, back_href=back), 409


def _now(event: StripeEvent) -> str:
    return str(_("État actuel : %(state)s.", state=state_label(event.state)))


def _first(event: StripeEvent) -> str | None:
    name = decider_of(reading(), event)
    if name is None or event.decided_at is None:
        return None
    return str(_("%(name)s a décidé avant vous, le %(at)s.", name=name, at=local_datetime(event.decided_at)))
