"""The search of the top bar: straight to whatever an id, an address or a name means."""

from flask import Blueprint

bp = Blueprint("search", __name__, url_prefix="/dashboard/admin/search")

from portal.blueprints.search import views  # noqa: E402, F401 -- registers the views
