"""What is for sale, for everybody: creators, their calls, one call to book."""

from flask import Blueprint

bp = Blueprint("market", __name__)

from portal.blueprints.market import views  # noqa: E402, F401 -- registers the views
