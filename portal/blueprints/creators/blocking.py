"""Blocking and unblocking a creator's payouts: GET confirms, POST acts."""

from uuid import UUID

from flask import flash, redirect, render_template, url_for
from flask_babel import gettext as _
from markupsafe import Markup
from werkzeug.wrappers import Response

from portal.blueprints.access import me, requires
from portal.blueprints.again import recently
from portal.blueprints.creators import bp
from portal.blueprints.creators.forms import BlockPayoutsForm, UnblockPayoutsForm
from portal.blueprints.creators.views import creator_or_404
from portal.blueprints.errors import sentence
from portal.domain.creators import Creator, block_payouts, unblock_payouts
from portal.domain.errors import BlockRefused
from portal.domain.people import Role
from portal.domain.work import utc_now
from portal.queries.balance import reserving_payouts
from portal.unit_of_work import reading, unit_of_work

Page = str | Response | tuple[str, int]


@bp.get("/<uuid:creator_id>/block")
@requires(Role.ADMIN)
@recently
def block(creator_id: UUID) -> Page:
    """What blocking means for this creator; changes nothing."""
    creator = creator_or_404(creator_id)
    if creator.is_payout_blocked:
        return _changed(creator, _already(creator))
    return _block_page(creator, BlockPayoutsForm())


@bp.post("/<uuid:creator_id>/block")
@requires(Role.ADMIN)
@recently
def block_post(creator_id: UUID) -> Page:
    """Block, once the handle is typed again."""
    form, creator = BlockPayoutsForm(), creator_or_404(creator_id)
    if not form.names(creator.handle):
        form.handle.errors = [_("Retapez exactement %(handle)s.", handle=creator.handle)]
        return _block_page(creator, form), 422
    actor, reason, name = me().actor, form.reason_text, creator.name
    try:
        with unit_of_work() as session:
            block_payouts(session, creator_id=creator_id, reason=reason, actor=actor, now=utc_now())
    except BlockRefused as refusal:
        return _refused(creator_id, form, refusal)
    return _done(_("Payouts de %(name)s bloqués : ses demandes sont refusées.", name=name), creator_id)


@bp.get("/<uuid:creator_id>/unblock")
@requires(Role.ADMIN)
@recently
def unblock(creator_id: UUID) -> Page:
    """What unblocking means for this creator; changes nothing."""
    creator = creator_or_404(creator_id)
    if not creator.is_payout_blocked:
        return _changed(creator, _("Les payouts de %(name)s ne sont pas bloqués.", name=creator.name))
    return _unblock_page(creator, UnblockPayoutsForm())


@bp.post("/<uuid:creator_id>/unblock")
@requires(Role.ADMIN)
@recently
def unblock_post(creator_id: UUID) -> Page:
    """Let payouts go again."""
    form, creator = UnblockPayoutsForm(), creator_or_404(creator_id)
    actor, reason, name = me().actor, form.reason_text, creator.name
    try:
        with unit_of_work() as session:
            unblock_payouts(session, creator_id=creator_id, reason=reason, actor=actor)
    except BlockRefused as refusal:
        return _refused(creator_id, form, refusal)
    return _done(_("Payouts de %(name)s débloqués.", name=name), creator_id)


def _refused(creator_id: UUID, form: UnblockPayoutsForm, refusal: BlockRefused) -> Page:
    """A bad reason is asked for again; a lost race is the 409 page."""
    creator = creator_or_404(creator_id)
    if refusal.status == 409:
        return _changed(creator, sentence(refusal))
    if refusal.status == 403:
        raise refusal
    form.reason.errors = [sentence(refusal)]
    page = _block_page if isinstance(form, BlockPayoutsForm) else _unblock_page
    return page(creator, form), refusal.status


def _already(creator: Creator) -> str:
    words = {"name": creator.name, "reason": creator.payout_block_reason}
    return str(_("Les payouts de %(name)s sont déjà bloqués : %(reason)s", **words))


def _changed(creator: Creator, message: str) -> tuple[str, int]:
    back = url_for("creators.detail", creator_id=creator.id)
    return render_template("errors/409.html", message=message, detail=None, back_href=back), 409


def _done(message: str, creator_id: UUID) -> Response:
    trace = url_for("traces.show", kind="creator", id=creator_id)
    flash(Markup('{} <a href="{}">{}</a>').format(message, trace, _("Voir la trace")), "success")
    return redirect(url_for("creators.detail", creator_id=creator_id))


def _block_page(creator: Creator, form: UnblockPayoutsForm) -> str:
    waiting = reserving_payouts(reading(), creator.id)
    return render_template("creators/block.html", creator=creator, form=form, waiting=waiting)


def _unblock_page(creator: Creator, form: UnblockPayoutsForm) -> str:
    waiting = reserving_payouts(reading(), creator.id)
    own = creator.user_id == me().user_id
    return render_template("creators/unblock.html", creator=creator, form=form, waiting=waiting, own=own)
