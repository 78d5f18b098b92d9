"""The explorer of the system log."""

from flask import Blueprint

from portal.blueprints.explorer import lead_back

bp = Blueprint("logs", __name__, url_prefix="/dashboard/admin/system-logs")
lead_back(bp)

from portal.blueprints.logs import charts, facets, live, summary, views  # noqa: E402, F401 -- registers the views
