"""One's own account: password, second factor, sessions."""

from flask import Blueprint

bp = Blueprint("account", __name__, url_prefix="/account")

from portal.blueprints.account import factor, views  # noqa: E402, F401 -- registers the views
