"""The inbox of Stripe's events: what came, what failed, and what an admin decides of it."""

from flask import Blueprint

bp = Blueprint("webhooks", __name__, url_prefix="/dashboard/admin/webhooks")

from portal.blueprints.webhooks import acts, views  # noqa: E402, F401 -- registers the views
