"""Home pages: where each role begins."""

from flask import Blueprint

bp = Blueprint("dashboard", __name__)

from portal.blueprints.dashboard import help, preferences, views  # noqa: E402, F401 -- registers the views
