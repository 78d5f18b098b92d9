"""Accounts, and what admins do to other people's."""

from flask import Blueprint

bp = Blueprint("users", __name__, url_prefix="/dashboard/admin/users")

from portal.blueprints.users import acts, creating, views  # noqa: E402, F401 -- registers the views
