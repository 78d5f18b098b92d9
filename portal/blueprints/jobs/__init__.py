"""Scheduled jobs: what runs when, what ran, and running or pausing one."""

from flask import Blueprint

bp = Blueprint("jobs", __name__, url_prefix="/dashboard/admin/jobs")

from portal.blueprints.jobs import acts, cleanup, views  # noqa: E402, F401 -- registers the views
