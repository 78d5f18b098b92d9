"""Somebody's own bookings: the list, one booking, its payment."""

from flask import Blueprint

bp = Blueprint("bookings", __name__, url_prefix="/dashboard/user/bookings")

from portal.blueprints.bookings import paying, views  # noqa: E402, F401 -- registers the views
