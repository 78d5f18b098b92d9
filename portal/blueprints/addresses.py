"""Addresses of pages that take no arguments: looked up once, as every page names fifty of them."""

from typing import Any

from flask import Flask, current_app, request, url_for

_app, _request = current_app._get_current_object, request._get_current_object  # type: ignore[attr-defined]


def register(app: Flask) -> None:
    """Let templates ask here."""
    app.extensions["addresses"] = {}
    app.jinja_env.globals["url_for"] = address


def address(endpoint: str, **values: Any) -> str:
    """What url_for() says; asked once for a page that takes no arguments, at each place of the portal."""
    if values or endpoint.startswith("."):
        return url_for(endpoint, **values)
    known: dict[tuple[str, str], str] = _app().extensions["addresses"]
    place = _request().script_root, endpoint
    if place not in known:
        known[place] = url_for(endpoint)
    return known[place]
