"""The explorer of the book of money."""

from flask import Blueprint

bp = Blueprint("transactions", __name__, url_prefix="/dashboard/admin/logs")

from portal.blueprints.transactions import views  # noqa: E402, F401 -- registers the views
