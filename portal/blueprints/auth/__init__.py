"""Signing in and out."""

from flask import Blueprint

bp = Blueprint("auth", __name__)

from portal.blueprints.auth import choosing, confirming, views  # noqa: E402, F401 -- registers the views
