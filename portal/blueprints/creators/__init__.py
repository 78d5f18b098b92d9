"""Creators, and the block on their payouts."""

from flask import Blueprint

bp = Blueprint("creators", __name__, url_prefix="/dashboard/admin/creators")

from portal.blueprints.creators import blocking, validating, views  # noqa: E402, F401 -- registers the views
