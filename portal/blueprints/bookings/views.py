"""A person's bookings, and what happens next with each."""

from typing import Any
from uuid import UUID

from flask import abort, render_template, request, url_for

from portal.blueprints.access import me, requires, with_query
from portal.blueprints.bookings import bp
from portal.blueprints.bookings.words import TABS, steps_of
from portal.blueprints.lists import with_page_size
from portal.domain.people import Role
from portal.domain.work import utc_now
from portal.queries.booking_search import BookingDetail, BookingSearch, find_booking
from portal.unit_of_work import reading


@bp.get("")
@requires(Role.USER)
def index() -> str:
    """Every booking, newest first."""
    search = BookingSearch.from_args(with_page_size(request.args), user_id=me().user_id)
    page = search.page(reading())
    return render_template(
        "bookings/index.html",
        search=search,
        page=page,
        tabs=[_tab(status, label, search) for status, label in TABS],
        now=utc_now(),
        previous_href=with_query(cursor=page.previous.encode()) if page.previous else None,
        next_href=with_query(cursor=page.next.encode()) if page.next else None,
    )


def _tab(status: Any, label: Any, search: BookingSearch) -> dict[str, Any]:
    return {"label": label, "href": url_for("bookings.index", status=status), "current": search.status == status}


@bp.get("/<uuid:booking_id>")
@requires(Role.USER)
def detail(booking_id: UUID) -> str:
    """One booking: where it stands and what happens next."""
    found, now = own_booking_or_404(booking_id), utc_now()
    return render_template(
        "bookings/detail.html",
        detail=found,
        booking=found.booking,
        offer=found.offer,
        steps=steps_of(found, now),
        payable=is_payable(found),
        now=now,
    )


def own_booking_or_404(booking_id: UUID) -> BookingDetail:
    """The booking of whoever is signed in; anybody else's does not exist."""
    found = find_booking(reading(), booking_id, me().user_id)
    if found is None:
        abort(404)
    return found


def is_payable(found: BookingDetail) -> bool:
    """Whether the booking still waits for its payment."""
    booking = found.booking
    in_time = booking.expires_at is None or booking.expires_at > utc_now()
    return booking.status == "PENDING" and in_time and not found.was_paid
