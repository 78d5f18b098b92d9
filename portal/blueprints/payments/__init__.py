"""Payments of bookings, and the money that is asked back."""

from flask import Blueprint

bp = Blueprint("payments", __name__, url_prefix="/dashboard/admin")

from portal.blueprints.payments import refunding, views  # noqa: E402, F401 -- registers the views
