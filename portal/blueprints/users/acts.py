"""What admins do to other people's accounts: GET confirms, POST acts."""

from uuid import UUID

from flask import flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from portal.blueprints.access import me, requires
from portal.blueprints.again import recently
from portal.blueprints.errors import told
from portal.blueprints.users import bp
from portal.blueprints.users.creating import link_page
from portal.blueprints.users.forms import ActForm, ReasonForm, RoleForm
from portal.blueprints.users.views import account_or_404
from portal.blueprints.users.words import ACTS
from portal.domain.doors.refusals import refuse_oneself
from portal.domain.errors import UserRefused
from portal.domain.people import Role
from portal.domain.work import utc_now
from portal.unit_of_work import unit_of_work

Page = str | Response | tuple[str, int]


@bp.get("/<uuid:user_id>/disable")
@requires(Role.ADMIN)
@recently
def disable(user_id: UUID) -> Page:
    """What disabling means; changes nothing."""
    return _ask(user_id, "disable", ReasonForm())


@bp.post("/<uuid:user_id>/disable")
@requires(Role.ADMIN)
@recently
def disable_post(user_id: UUID) -> Page:
    """Let somebody in no more."""
    return _act(user_id, "disable", ReasonForm())


@bp.get("/<uuid:user_id>/enable")
@requires(Role.ADMIN)
@recently
def enable(user_id: UUID) -> Page:
    """What enabling means; changes nothing."""
    return _ask(user_id, "enable", ReasonForm())


@bp.post("/<uuid:user_id>/enable")
@requires(Role.ADMIN)
@recently
def enable_post(user_id: UUID) -> Page:
    """Let somebody in again."""
    return _act(user_id, "enable", ReasonForm())


@bp.get("/<uuid:user_id>/role")
@requires(Role.ADMIN)
@recently
def role(user_id: UUID) -> Page:
    """Asks for the new role; changes nothing."""
    form, account = RoleForm(), account_or_404(user_id)
    if not form.is_submitted():
        form.role.data = account.user.role
    return _ask(user_id, "role", form)


@bp.post("/<uuid:user_id>/role")
@requires(Role.ADMIN)
@recently
def role_post(user_id: UUID) -> Page:
    """Give somebody another role."""
    form = RoleForm()
    if not form.chosen():
        return _ask(user_id, "role", form), 422
    return _act(user_id, "role", form)


@bp.get("/<uuid:user_id>/second-factor")
@requires(Role.ADMIN)
@recently
def second_factor(user_id: UUID) -> Page:
    """What a reset means; changes nothing."""
    return _ask(user_id, "second_factor", ReasonForm())


@bp.post("/<uuid:user_id>/second-factor")
@requires(Role.ADMIN)
@recently
def second_factor_post(user_id: UUID) -> Page:
    """Take away a second factor that its owner has lost."""
    return _act(user_id, "second_factor", ReasonForm())


@bp.get("/<uuid:user_id>/sessions")
@requires(Role.ADMIN)
@recently
def sessions(user_id: UUID) -> Page:
    """What ending them means; changes nothing."""
    return _ask(user_id, "sessions", ActForm())


@bp.post("/<uuid:user_id>/sessions")
@requires(Role.ADMIN)
@recently
def sessions_post(user_id: UUID) -> Page:
    """Sign somebody out everywhere."""
    return _act(user_id, "sessions", ActForm())


@bp.get("/<uuid:user_id>/link")
@requires(Role.ADMIN)
@recently
def link(user_id: UUID) -> Page:
    """What a link is for; changes nothing."""
    return _ask(user_id, "link", ActForm())


@bp.post("/<uuid:user_id>/link")
@requires(Role.ADMIN)
@recently
def link_post(user_id: UUID) -> Page:
    """Make the link and show it, once."""
    return _act(user_id, "link", ActForm())


def _ask(user_id: UUID, name: str, form: ActForm) -> str:
    account, act = account_or_404(user_id), ACTS[name]
    refuse_oneself(user_id, me().actor, name)
    title = str(act.question) % {"name": account.user.name}
    return render_template("users/act.html", form=form, name=name, act=act, title=title, account=account)


def _act(user_id: UUID, name: str, form: ActForm) -> Page:
    """A bad reason is asked for again; a lost race, or nothing to do, is the 409 page."""
    act, actor, whose = ACTS[name], me().actor, account_or_404(user_id).user.name
    try:
        with unit_of_work() as session:
            made = act.verb(session, user_id=user_id, actor=actor, now=utc_now(), **form.given())
    except UserRefused as refusal:
        return _refused(user_id, name, form, refusal)
    if name == "link":
        return link_page(user_id, made, fresh=False)
    flash(str(act.done) % {"name": whose}, "success")
    return redirect(url_for("users.detail", user_id=user_id))


def _refused(user_id: UUID, name: str, form: ActForm, refusal: UserRefused) -> Page:
    if refusal.errors:
        form.attach(refusal)
        return _ask(user_id, name, form), refusal.status
    if refusal.status != 409:
        raise refusal
    back = url_for("users.detail", user_id=user_id)
    return render_template("errors/409.html", message=told(refusal), detail=None, back_href=back), 409
