"""Cancelling, completing and deleting an offer: GET confirms, POST acts."""

from collections.abc import Callable
from uuid import UUID

from flask import flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal.blueprints.access import gateway, me, requires
from portal.blueprints.creator.views import own_creator
from portal.blueprints.errors import told
from portal.blueprints.offers import bp
from portal.blueprints.offers.views import own_offer_or_404, own_zone
from portal.domain.errors import OfferRefused
from portal.domain.offers.delete import delete_offer
from portal.domain.offers.terms import OfferDraft
from portal.domain.offers.update import OfferChange, update_offer
from portal.domain.payments.closing import close_payments
from portal.domain.people import Role
from portal.domain.work import utc_now
from portal.queries.offer_search import BookingStatus, find_own_offer
from portal.unit_of_work import reading, unit_of_work


@bp.get("/<uuid:offer_id>/cancel")
@requires(Role.CREATOR)
def cancel(offer_id: UUID) -> str:
    """What cancelling means; changes nothing."""
    return _page("cancel", offer_id)


@bp.get("/<uuid:offer_id>/complete")
@requires(Role.CREATOR)
def complete(offer_id: UUID) -> str:
    """What completing means; changes nothing."""
    return _page("complete", offer_id)


@bp.get("/<uuid:offer_id>/delete")
@requires(Role.CREATOR)
def delete(offer_id: UUID) -> str:
    """What deleting means; changes nothing."""
    return _page("delete", offer_id)


@bp.post("/<uuid:offer_id>/cancel")
@requires(Role.CREATOR)
def cancel_post(offer_id: UUID) -> Response | tuple[str, int]:
    """Cancel the call, and the booking with it."""
    return _act("cancel", offer_id, lambda: _end(offer_id, "CANCELLED"), _("Appel annulé."))


@bp.post("/<uuid:offer_id>/complete")
@requires(Role.CREATOR)
def complete_post(offer_id: UUID) -> Response | tuple[str, int]:
    """The call took place."""
    return _act("complete", offer_id, lambda: _end(offer_id, "COMPLETED"), _("Appel terminé."))


@bp.post("/<uuid:offer_id>/delete")
@requires(Role.CREATOR)
def delete_post(offer_id: UUID) -> Response | tuple[str, int]:
    """Take the offer away."""
    return _act("delete", offer_id, lambda: _delete(offer_id), _("Offre supprimée."))


def _end(offer_id: UUID, status: str) -> str:
    creator, actor = own_creator(), me().actor
    change = OfferChange(OfferDraft(status=status), own_zone())
    with unit_of_work() as session:
        update_offer(session, offer_id=offer_id, creator=creator, change=change, actor=actor, now=utc_now())
    close_cancelled(offer_id, creator.id)
    return url_for("offers.detail", offer_id=offer_id)


def close_cancelled(offer_id: UUID, creator_id: UUID) -> None:
    """Let nobody pay any more for a booking just cancelled; the job tries again what Stripe does not answer."""
    found = find_own_offer(reading(), offer_id, creator_id)
    newest = found.bookings[0] if found and found.bookings else None
    booking_id = newest.id if newest and newest.status is BookingStatus.CANCELLED else None
    reading().close()  # no transaction stays open while Stripe is asked
    if booking_id is not None:
        close_payments(unit_of_work, gateway(), booking_id=booking_id, clock=utc_now)


def _delete(offer_id: UUID) -> str:
    creator, actor = own_creator(), me().actor
    with unit_of_work() as session:
        delete_offer(session, offer_id=offer_id, creator=creator, actor=actor, now=utc_now())
    return url_for("offers.index")


def _act(name: str, offer_id: UUID, act: Callable[[], str], done: str) -> Response | tuple[str, int]:
    try:
        target = act()
    except OfferRefused as refusal:
        return _page(name, offer_id, told(refusal)), refusal.status
    flash(done, "success")
    return redirect(target)


def _page(name: str, offer_id: UUID, refused: str | None = None) -> str:
    found = own_offer_or_404(offer_id)
    return render_template(f"offers/{name}.html", detail=found, offer=found.offer, refused=refused, now=utc_now())
