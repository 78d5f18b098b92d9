"""Creators and their calls, open to guests; booking one is for signed-in users."""

from uuid import UUID

from flask import abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal.blueprints.access import me, person, requires, settings, with_query
from portal.blueprints.errors import sentence
from portal.blueprints.lists import with_page_size
from portal.blueprints.market import bp
from portal.domain.bookings.create import BookingRules, create_booking
from portal.domain.errors import BookingRefused
from portal.domain.people import Role
from portal.domain.work import utc_now
from portal.queries.market import (
    CallOffer,
    SellerSearch,
    find_public_offer,
    find_seller,
    for_sale_by,
    upcoming_offers,
)
from portal.unit_of_work import reading, unit_of_work


@bp.get("/creators")
def index() -> str:
    """Creators with calls for sale."""
    now = utc_now()
    search = SellerSearch.from_args(with_page_size(request.args), now=now)
    page = search.page(reading())
    return render_template(
        "market/index.html",
        search=search,
        page=page,
        for_sale=for_sale_by(reading(), page.rows, now=now),
        previous_href=with_query(cursor=page.previous.encode()) if page.previous else None,
        next_href=with_query(cursor=page.next.encode()) if page.next else None,
    )


@bp.get("/creators/<handle>")
def seller(handle: str) -> str:
    """One creator's calls for sale."""
    creator = find_seller(reading(), handle)
    if creator is None:
        abort(404)
    offers = upcoming_offers(reading(), creator.id, now=utc_now())
    return render_template("market/seller.html", creator=creator, offers=offers)


@bp.get("/offers/<uuid:offer_id>")
def offer(offer_id: UUID) -> str:
    """One call, with the way to book it."""
    return _offer_page(_offer_or_404(offer_id))


@bp.post("/offers/<uuid:offer_id>/book")
@requires(Role.USER)
def book(offer_id: UUID) -> Response | tuple[str, int]:
    """Book the call and go on to its payment."""
    somebody, rules = me(), booking_rules()
    try:
        with unit_of_work() as session:
            booked = create_booking(
                session,
                offer_id=offer_id,
                user_id=somebody.user_id,
                rules=rules,
                actor=somebody.actor,
                now=utc_now(),
            )
    except BookingRefused as refusal:
        return _offer_page(_offer_or_404(offer_id), sentence(refusal)), refusal.status
    if booked.is_new:
        flash(_("Appel réservé. Payez-le pour le confirmer."), "success")
    return redirect(url_for("bookings.pay", booking_id=booked.booking.id))


def booking_rules() -> BookingRules:
    """How long calls are held, and where their rooms are."""
    return BookingRules(settings().booking_unpaid_for, settings().room_base_url)


def _offer_or_404(offer_id: UUID) -> CallOffer:
    found = find_public_offer(reading(), offer_id)
    if found is None:
        abort(404)
    return found


def _offer_page(found: CallOffer, refused: str | None = None) -> str:
    somebody = person()
    return render_template(
        "market/offer.html",
        offer=found,
        creator=found.creator,
        refused=refused,
        is_open=found.status == "AVAILABLE" and found.starts_at > utc_now() and found.creator.may_sell,
        may_book=somebody is None or somebody.role is Role.USER,
        is_guest=somebody is None,
        minutes_to_pay=round(settings().booking_unpaid_for.total_seconds() / 60),
    )
