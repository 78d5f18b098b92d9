"""A creator's offers: the list, one offer, and the forms of its terms."""

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal.blueprints.access import me, requires, with_query
from portal.blueprints.creator.views import own_creator
from portal.blueprints.filters import select_timezone
from portal.blueprints.lists import with_page_size
from portal.blueprints.offers import bp
from portal.blueprints.offers.forms import OfferForm, local_moment
from portal.blueprints.offers.words import TABS
from portal.domain.errors import OfferRefused
from portal.domain.offers.create import create_offer
from portal.domain.offers.update import OfferChange, update_offer
from portal.domain.people import Role
from portal.domain.work import utc_now
from portal.queries.offer_search import (
    OfferDetail,
    OfferSearch,
    count_offers,
    find_own_offer,
    live_bookings,
)
from portal.unit_of_work import reading, unit_of_work


@bp.get("")
@requires(Role.CREATOR)
def index() -> str:
    """Every offer, and who booked it."""
    creator = own_creator()
    search = OfferSearch.from_args(with_page_size(request.args), creator_id=creator.id)
    page, counts = search.page(reading()), count_offers(reading(), creator.id)
    return render_template(
        "offers/index.html",
        creator=creator,
        search=search,
        page=page,
        bookings=live_bookings(reading(), page.rows),
        tabs=[_tab(status, label, search, counts) for status, label in TABS],
        now=utc_now(),
        previous_href=with_query(cursor=page.previous.encode()) if page.previous else None,
        next_href=with_query(cursor=page.next.encode()) if page.next else None,
    )


def _tab(status: Any, label: Any, search: OfferSearch, counts: Any) -> dict[str, Any]:
    return {
        "label": label,
        "href": url_for("offers.index", status=status),
        "current": search.status == status,
        "count": counts[status] if status else sum(counts.values()),
    }


def own_offer_or_404(offer_id: UUID) -> OfferDetail:
    """The offer of the creator who is signed in; anybody else's does not exist."""
    detail = find_own_offer(reading(), offer_id, own_creator().id)
    if detail is None:
        abort(404)
    return detail


@bp.get("/<uuid:offer_id>")
@requires(Role.CREATOR)
def detail(offer_id: UUID) -> str:
    """One offer, and every booking of it."""
    found = own_offer_or_404(offer_id)
    return render_template("offers/detail.html", detail=found, offer=found.offer, now=utc_now())


@bp.get("/new")
@requires(Role.CREATOR)
def new() -> str:
    """An empty form."""
    return _form_page(OfferForm())


@bp.post("/new")
@requires(Role.CREATOR)
def new_post() -> Response | tuple[str, int]:
    """Put the call up for sale."""
    form, creator, actor, zone = OfferForm(), own_creator(), me().actor, own_zone()
    try:
        with unit_of_work() as session:
            offer = create_offer(session, creator=creator, draft=form.draft, zone=zone, actor=actor, now=utc_now())
    except OfferRefused as refusal:
        form.attach(refusal)
        return _form_page(form), 422
    flash(_("« %(title)s » est en ligne.", title=offer.title), "success")
    return redirect(url_for("offers.detail", offer_id=offer.id))


@bp.get("/<uuid:offer_id>/edit")
@requires(Role.CREATOR)
def edit(offer_id: UUID) -> str:
    """The form with the offer's terms."""
    found, form = own_offer_or_404(offer_id), OfferForm()
    form.show(found.offer, own_zone())
    return _form_page(form, found)


@bp.post("/<uuid:offer_id>/edit")
@requires(Role.CREATOR)
def edit_post(offer_id: UUID) -> Response | tuple[str, int]:
    """Change the terms, all or none."""
    form, creator, actor = OfferForm(), own_creator(), me().actor
    change = OfferChange(form.draft, own_zone(), form.seen_version)
    try:
        with unit_of_work() as session:
            update_offer(session, offer_id=offer_id, creator=creator, change=change, actor=actor, now=utc_now())
    except OfferRefused as refusal:
        form.attach(refusal)
        return _form_page(form, own_offer_or_404(offer_id)), refusal.status
    flash(_("Offre modifiée."), "success")
    return redirect(url_for("offers.detail", offer_id=offer_id))


def own_zone() -> ZoneInfo:
    """The zone that the person's times are typed in."""
    return ZoneInfo(select_timezone())


def _form_page(form: OfferForm, found: OfferDetail | None = None) -> str:
    zone = own_zone()
    return render_template(
        "offers/form.html",
        form=form,
        offer=found.offer if found else None,
        booked=found is not None and found.booking is not None,
        creator=own_creator(),
        earliest=local_moment(utc_now(), zone),
    )
