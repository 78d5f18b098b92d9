"""The explorer of the system log."""

from flask import Blueprint

from portal.blueprints.explorer import lead_back

bp = Blueprint("logs", __name__, url_prefix="/dashboard/admin/system-logs")
lead_back(bp)

from portal.blueprints.logs import (  # noqa: E402 -- registers the views
    charts,  # noqa: F401
    completeness,  # noqa: F401
    facets,  # noqa: F401
    groups,  # noqa: F401
    live,  # noqa: F401
    views,  # noqa: F401
)
