"""What is wrong now and was before, whom that was told to, and what an admin does about it."""

from flask import Blueprint

bp = Blueprint("alerts", __name__, url_prefix="/dashboard/admin/alerts")

from portal.blueprints.alerts import acts, views  # noqa: E402, F401 -- registers the views
