"""Running, pausing and resuming a job: GET confirms, POST acts."""

from flask import flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal.blueprints.access import me, requires
from portal.blueprints.errors import sentence
from portal.blueprints.jobs import bp, words
from portal.blueprints.jobs.forms import JobReasonForm
from portal.blueprints.scheduled import desk, schedule_or_404
from portal.domain.jobs import JobRefused, pause_job, resume_job
from portal.domain.people import Role
from portal.domain.work import utc_now
from portal.unit_of_work import unit_of_work

Page = str | Response | tuple[str, int]


@bp.get("/<name>/run")
@requires(Role.ADMIN)
def run(name: str) -> Page:
    """What running the job now means; changes nothing."""
    return render_template("jobs/run.html", name=schedule_or_404(name).name, words=words)


@bp.post("/<name>/run")
@requires(Role.ADMIN)
def run_post(name: str) -> Page:
    """Start the job in the background and show its progress."""
    schedule_or_404(name)
    try:
        desk().run_now(name, me().actor, wait=False)
    except JobRefused as refusal:
        flash(sentence(refusal), "error")
        return redirect(url_for("jobs.detail", name=name))
    flash(_("Tâche « %(name)s » lancée.", name=words.title(name)), "success")
    return redirect(url_for("jobs.detail", name=name))


@bp.get("/<name>/pause")
@requires(Role.ADMIN)
def pause(name: str) -> Page:
    """Asks why the job is to stop; changes nothing."""
    return _ask("pause", name, JobReasonForm())


@bp.post("/<name>/pause")
@requires(Role.ADMIN)
def pause_post(name: str) -> Page:
    """Start no run of the job until it is resumed."""
    form, actor = JobReasonForm(), me().actor
    schedule_or_404(name)
    try:
        with unit_of_work() as session:
            pause_job(session, name=name, reason=form.reason.data or "", actor=actor, now=utc_now())
    except JobRefused as refusal:
        return _refused("pause", name, form, refusal)
    flash(_("Tâche « %(name)s » suspendue.", name=words.title(name)), "success")
    return redirect(url_for("jobs.detail", name=name))


@bp.get("/<name>/resume")
@requires(Role.ADMIN)
def resume(name: str) -> Page:
    """Asks why the job is to run again; changes nothing."""
    return _ask("resume", name, JobReasonForm())


@bp.post("/<name>/resume")
@requires(Role.ADMIN)
def resume_post(name: str) -> Page:
    """Let the clock start the job again."""
    form, actor = JobReasonForm(), me().actor
    schedule_or_404(name)
    try:
        with unit_of_work() as session:
            resume_job(session, name=name, reason=form.reason.data or "", actor=actor)
    except JobRefused as refusal:
        return _refused("resume", name, form, refusal)
    flash(_("Tâche « %(name)s » reprise.", name=words.title(name)), "success")
    return redirect(url_for("jobs.detail", name=name))


def _ask(act: str, name: str, form: JobReasonForm) -> str:
    return render_template(f"jobs/{act}.html", name=schedule_or_404(name).name, form=form, words=words)


def _refused(act: str, name: str, form: JobReasonForm, refusal: JobRefused) -> Page:
    """A bad reason is asked for again; a job that is not as it was shown is shown as it is."""
    if refusal.status == 422:
        form.reason.errors = [sentence(refusal)]
        return _ask(act, name, form), 422
    flash(sentence(refusal), "error")
    return redirect(url_for("jobs.detail", name=name))
