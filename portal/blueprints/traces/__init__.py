"""The whole life of one thing, from both books and Stripe."""

from flask import Blueprint

bp = Blueprint("traces", __name__, url_prefix="/dashboard/admin/traces")

from portal.blueprints.traces import views  # noqa: E402, F401 -- registers the views
