"""Everybody's bookings, for admins."""

from flask import Blueprint

bp = Blueprint("all_bookings", __name__, url_prefix="/dashboard/admin/bookings")

from portal.blueprints.all_bookings import views  # noqa: E402, F401 -- registers the views
