"""The JSON API: the pages' rules and verbs for other programs, with the session's cookie."""

from flask import Blueprint

bp = Blueprint("api", __name__, url_prefix="/api")

from portal.blueprints.api import (  # noqa: E402 -- registers the views
    bookings,  # noqa: F401
    jobs,  # noqa: F401
    log_sums,  # noqa: F401
    logs,  # noqa: F401
    offers,  # noqa: F401
    payments,  # noqa: F401
    payouts,  # noqa: F401
    suggestions,  # noqa: F401
    webhooks,  # noqa: F401
)
