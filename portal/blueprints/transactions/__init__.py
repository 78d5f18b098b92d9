"""The explorer of the book of money."""

from flask import Blueprint

from portal.blueprints.explorer import lead_back

bp = Blueprint("transactions", __name__, url_prefix="/dashboard/admin/logs")
lead_back(bp)

from portal.blueprints.transactions import views  # noqa: E402, F401 -- registers the views
