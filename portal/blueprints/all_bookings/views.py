"""The list of all bookings, and one booking."""

from typing import Any
from uuid import UUID

from flask import abort, render_template, request, url_for
from flask_babel import gettext as _

from portal.blueprints.access import READERS, requires, with_query
from portal.blueprints.all_bookings import bp
from portal.blueprints.filters import select_timezone
from portal.blueprints.lists import hidden, kept, page_href, with_page_size
from portal.blueprints.traces.words import shown_step
from portal.domain.work import utc_now
from portal.queries.all_bookings import AllBookings, BookingStatus, count_bookings, find_booked, name_of
from portal.queries.creator_search import find_creator
from portal.queries.trace import find_trace
from portal.queries.trace_rows import TraceKind
from portal.unit_of_work import reading

KEPT = ("q", "from", "to", "tz", "creatorId", "userId", "limit")
LATEST = 12
"""Rows of the log that a booking's page shows; the trace shows them all."""


@bp.get("")
@requires(*READERS)
def index() -> str:
    """Bookings newest first, with what they cost."""
    search = AllBookings.from_args(with_page_size(request.args), tz=select_timezone(), now=utc_now())
    page = search.page(reading())
    return render_template(
        "all_bookings/index.html",
        search=search,
        page=page,
        totals=search.totals(reading()),
        tabs=_tabs(search),
        hidden=hidden("status", "overdue", "creatorId", "userId"),
        creator=find_creator(reading(), search.creator_id) if search.creator_id else None,
        user_name=name_of(reading(), search.user_id) if search.user_id else None,
        now=utc_now(),
        previous_href=page_href(page.previous),
        next_href=page_href(page.next),
        without=lambda **gone: with_query(cursor=None, **gone),
    )


def _tabs(search: AllBookings) -> list[dict[str, Any]]:
    stay = kept(*KEPT)
    counts = count_bookings(reading())
    labels = {
        BookingStatus.PENDING: _("À payer"),
        BookingStatus.CONFIRMED: _("Confirmées"),
        BookingStatus.COMPLETED: _("Terminées"),
        BookingStatus.CANCELLED: _("Annulées"),
    }
    everything = {"label": _("Toutes"), "href": url_for("all_bookings.index", **stay)}
    tabs: list[dict[str, Any]] = [everything | {"current": not search.statuses, "count": sum(counts.values())}]
    for status, label in labels.items():
        href = url_for("all_bookings.index", status=status, **stay)
        current = search.statuses == (status,)
        tabs.append({"label": label, "href": href, "current": current, "count": counts.get(status, 0)})
    return tabs


@bp.get("/<uuid:booking_id>")
@requires(*READERS)
def detail(booking_id: UUID) -> str:
    """One booking: the call, its people, its payments, where it stands and what happens next."""
    found, now = find_booked(reading(), booking_id), utc_now()
    trace = find_trace(reading(), TraceKind.BOOKING, str(booking_id), now=now)
    if found is None or trace is None:
        abort(404)
    told = [item for item in reversed(trace.items) if item.book == "log"]
    return render_template(
        "all_bookings/detail.html",
        found=found,
        booking=found.booked.booking,
        offer=found.booked.offer,
        steps=[shown_step(step) for step in trace.steps],
        rows=told[:LATEST],
        now=now,
    )
