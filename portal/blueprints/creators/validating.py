"""Validating a creator's account: GET confirms, POST acts."""

from uuid import UUID

from flask import flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal.blueprints.access import gateway, me, requires
from portal.blueprints.again import recently
from portal.blueprints.creators import bp
from portal.blueprints.creators.forms import ValidateCreatorForm
from portal.blueprints.creators.views import creator_or_404
from portal.blueprints.errors import sentence
from portal.domain.creators import Creator
from portal.domain.errors import CreatorRefused
from portal.domain.onboarding import validate_creator
from portal.domain.people import Role
from portal.domain.standing import problems_of, read_standing
from portal.domain.work import utc_now
from portal.unit_of_work import reading, unit_of_work

Page = str | Response | tuple[str, int]


@bp.get("/<uuid:creator_id>/validate")
@requires(Role.ADMIN)
@recently
def validate(creator_id: UUID) -> Page:
    """What an admin looks at before validating; changes nothing."""
    return _page(creator_or_404(creator_id), ValidateCreatorForm())


@bp.post("/<uuid:creator_id>/validate")
@requires(Role.ADMIN)
@recently
def validate_post(creator_id: UUID) -> Page:
    """Validate, once."""
    form, actor = ValidateCreatorForm(), me().actor
    name = creator_or_404(creator_id).name
    try:
        with unit_of_work() as session:
            validate_creator(session, creator_id=creator_id, actor=actor, now=utc_now())
    except CreatorRefused as refusal:
        form.form_errors = [sentence(refusal)]
        return _page(creator_or_404(creator_id), form), refusal.status
    flash(_("Compte de %(name)s validé.", name=name), "success")
    return redirect(url_for("creators.detail", creator_id=creator_id))


def _page(creator: Creator, form: ValidateCreatorForm) -> str:
    reading().close()  # no transaction stays open while Stripe is asked
    standing = read_standing(gateway(), creator.stripe_account_id)
    own = creator.user_id == me().user_id
    ready = not own and creator.charges_enabled and creator.payouts_enabled and creator.validated_at is None
    problems = problems_of(creator, standing)
    return render_template(
        "creators/validate.html",
        creator=creator,
        form=form,
        standing=standing,
        problems=problems,
        own=own,
        ready=ready,
    )
