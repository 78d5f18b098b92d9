"""Addresses of files, and of pages that take no arguments: looked up once, as every page names fifty of them."""

from pathlib import Path
from typing import Any

from flask import Flask, current_app, request, url_for

_app, _request = current_app._get_current_object, request._get_current_object  # type: ignore[attr-defined]


def register(app: Flask) -> None:
    """Let templates ask here."""
    app.extensions["addresses"] = {}
    app.jinja_env.globals["url_for"] = address


def address(endpoint: str, **values: Any) -> str:
    """What url_for() says; at each place of the portal asked once for a page without values or a file as it is."""
    file = _file(values["filename"]) if endpoint == "static" and values.keys() == {"filename"} else None
    if (values and file is None) or endpoint.startswith("."):
        return url_for(endpoint, **values)
    known: dict[tuple[str, str, object], str] = _app().extensions["addresses"]
    place = _request().script_root, endpoint, file
    if place not in known:
        known[place] = url_for(endpoint, **values)
    return known[place]


def _file(name: str) -> tuple[str, int] | None:
    """A static file's name, and when it changed, as its address says what it holds; None where there is none."""
    try:
        return name, Path(f"{_app().static_folder}/{name}").stat().st_mtime_ns
    except OSError:
        return None
