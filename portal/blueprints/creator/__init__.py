"""The creator's own side: balance, payouts, history."""

from flask import Blueprint

bp = Blueprint("creator", __name__, url_prefix="/dashboard/creator")

from portal.blueprints.creator import onboarding, request, views, withdrawing  # noqa: E402, F401 -- registers the views
