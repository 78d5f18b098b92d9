"""Saved views of the books: keeping, renaming, sharing and deleting them."""

from flask import Blueprint

bp = Blueprint("saved_views", __name__, url_prefix="/dashboard/admin/views")

from portal.blueprints.saved_views import views  # noqa: E402, F401 -- registers the views
