"""The explorer of the book of money."""

from flask import Blueprint

from portal.blueprints.explorer import lead_back

bp = Blueprint("transactions", __name__, url_prefix="/dashboard/admin/logs")
lead_back(bp)

from portal.blueprints.transactions import (  # noqa: E402 -- registers the views
    sums,  # noqa: F401
    views,  # noqa: F401
)
