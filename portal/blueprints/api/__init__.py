"""The JSON API: the pages' rules and verbs for other programs, with the session's cookie."""

from flask import Blueprint

bp = Blueprint("api", __name__, url_prefix="/api")

from portal.blueprints.api import jobs, logs, payments, payouts, webhooks  # noqa: E402, F401 -- registers the views
