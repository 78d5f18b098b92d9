"""/dashboard/admin/users/new: somebody new, and the link by which they choose their password."""

from uuid import UUID

from flask import render_template
from werkzeug.wrappers import Response

from portal.blueprints.access import me, requires, settings
from portal.blueprints.again import recently
from portal.blueprints.users import bp
from portal.blueprints.users.forms import CreateUserForm
from portal.blueprints.users.views import account_or_404
from portal.domain.doors.accounts import create_account
from portal.domain.doors.administering import make_password_link
from portal.domain.doors.passwords import address_of_link
from portal.domain.errors import UserRefused
from portal.domain.people import Role
from portal.domain.work import utc_now
from portal.unit_of_work import unit_of_work

Page = str | Response | tuple[str, int]


@bp.get("/new")
@requires(Role.ADMIN)
@recently
def new() -> Page:
    """Asks who it is; changes nothing."""
    return _form(CreateUserForm())


@bp.post("/new")
@requires(Role.ADMIN)
@recently
def new_post() -> Page:
    """Make the account; its link is shown once, in the answer."""
    form, actor = CreateUserForm(), me().actor
    if not form.chosen():
        return _form(form), 422
    try:
        with unit_of_work() as session:
            user = create_account(session, draft=form.draft, actor=actor)
            token, user_id = make_password_link(session, user_id=user.id, actor=actor, now=utc_now()), user.id
    except UserRefused as refusal:
        form.attach(refusal)
        return _form(form), refusal.status
    return link_page(user_id, token, fresh=True)


def link_page(user_id: UUID, token: str, *, fresh: bool) -> str:
    """The link, shown this once; `fresh`: its account was made with it."""
    address = address_of_link(settings().public_url, token)
    return render_template("users/link.html", user=account_or_404(user_id).user, address=address, fresh=fresh)


def _form(form: CreateUserForm) -> str:
    return render_template("users/new.html", form=form)
