"""Retention before it runs: what would go, and the confirmation of a bulk beyond the ordinary."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import flash, redirect, render_template, url_for
from flask_babel import gettext as _

from portal.audit.retention import Keeping, keepings
from portal.blueprints.access import READERS, me, requires, settings
from portal.blueprints.again import recently
from portal.blueprints.errors import sentence
from portal.blueprints.jobs import bp, words
from portal.blueprints.jobs.acts import Page
from portal.blueprints.jobs.forms import ConfirmCleanupForm
from portal.blueprints.scheduled import desk
from portal.domain.jobs import JobRefused
from portal.domain.log_cleanup import CleanupRefused, Ordinary, asks, confirm_cleanup, ordinary
from portal.domain.people import Role
from portal.domain.work import utc_now
from portal.queries.log_retention import JOB, DueWeek, LogLevel, deleted_before, due_by_level, due_weeks
from portal.unit_of_work import reading, unit_of_work


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run would delete now, and whether it would ask first."""

    kept: Sequence[Keeping]
    cutoffs: Mapping[LogLevel, datetime]
    weeks: Sequence[DueWeek]
    due: Mapping[LogLevel, int]
    usual: Ordinary | None

    @property
    def total(self) -> int:
        """Over all levels."""
        return sum(self.due.values())

    @property
    def asks(self) -> bool:
        """Whether a person must confirm."""
        return asks(self.total, self.usual)


def kept_days() -> Sequence[Keeping]:
    """How long each level is kept here."""
    return keepings(reading(), settings().retention_days)


def _look() -> Preview:
    now, kept = utc_now(), kept_days()
    cutoffs = {keeping.level: keeping.cutoff(now) for keeping in kept}
    weeks = due_weeks(reading(), cutoffs)
    return Preview(kept, cutoffs, weeks, due_by_level(weeks), ordinary(deleted_before(reading())))


@bp.get(f"/{JOB}/preview")
@requires(*READERS)
def cleanup_preview() -> str:
    """What a run would delete, by level and week; changes nothing."""
    return render_template("jobs/cleanup_preview.html", name=JOB, preview=_look(), words=words)


@bp.get(f"/{JOB}/confirm")
@requires(Role.ADMIN)
@recently
def cleanup_confirm() -> str:
    """Asks why so many rows may go; changes nothing."""
    return _ask(ConfirmCleanupForm(), _look())


@bp.post(f"/{JOB}/confirm")
@requires(Role.ADMIN)
@recently
def cleanup_confirm_post() -> Page:
    """Delete what was shown: write down who says so and why, and start the run."""
    form, actor = ConfirmCleanupForm(), me().actor
    if form.rows.data is None or not form.rows.validate(form):
        return _ask(form, _look()), 422
    try:
        with unit_of_work() as session:
            reason = form.reason.data or ""
            confirm_cleanup(session, rows=form.rows.data, reason=reason, actor=actor, now=utc_now())
        desk().run_now(JOB, actor, wait=False)
    except CleanupRefused as refusal:
        form.reason.errors = [sentence(refusal)]
        return _ask(form, _look()), 422
    except JobRefused as refusal:
        flash(sentence(refusal), "error")
    else:
        flash(_("Suppression confirmée et lancée."), "success")
    return redirect(url_for("jobs.detail", name=JOB))


def _ask(form: ConfirmCleanupForm, preview: Preview) -> str:
    form.rows.data = preview.total
    return render_template("jobs/cleanup_confirm.html", name=JOB, preview=preview, form=form, words=words)
