"""The queue of payouts and decisions on them."""

from flask import Blueprint

bp = Blueprint("payouts", __name__, url_prefix="/dashboard/admin/payouts")

from portal.blueprints.payouts import bulk, decisions, mending, pausing, views  # noqa: E402, F401 -- registers the views
