"""The explorer of the system log."""

from flask import Blueprint

bp = Blueprint("logs", __name__, url_prefix="/dashboard/admin/system-logs")

from portal.blueprints.logs import views  # noqa: E402, F401 -- registers the views
