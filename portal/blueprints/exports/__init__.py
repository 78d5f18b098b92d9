"""Exports of both books: the files, and what each of them holds."""

from flask import Blueprint

bp = Blueprint("exports", __name__, url_prefix="/dashboard/admin")

from portal.blueprints.exports import views  # noqa: E402, F401 -- registers the views
