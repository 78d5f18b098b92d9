"""The creator's calls for sale: list, create, change, cancel, complete, delete."""

from flask import Blueprint

bp = Blueprint("offers", __name__, url_prefix="/dashboard/creator/offers")

from portal.blueprints.offers import acts, views  # noqa: E402, F401 -- registers the views
