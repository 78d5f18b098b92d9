"""The page of a search that cannot be read: as it was typed, underlined where it is wrong, and a correction."""

from typing import Any
from urllib.parse import urlencode

from flask import current_app, render_template, request, url_for

from portal.blueprints.explorer import hidden
from portal.queries.search_language import BadQuery


def bad_query_page(error: BadQuery, expected: str) -> str:
    """The search in its form, with the mistake shown and the correction one click away."""
    return render_template("errors/query.html", **_shown(error, expected))


def _shown(error: BadQuery, expected: str) -> dict[str, Any]:
    start, end = error.position, error.position + error.length
    index = f"{request.blueprint}.index"
    action = url_for(index) if index in current_app.view_functions else request.path
    others, corrected = hidden("q"), (error.corrected or "").strip()
    return {
        "typed": error.query,
        "before": error.query[:start],
        "wrong": error.query[start:end],
        "after": error.query[end:],
        "expected": expected,
        "corrected": corrected,
        "corrected_href": f"{action}?{urlencode([*others, ('q', corrected)])}",
        "hidden": others,
        "action": action,
        "suggest": url_for(f"api.{'transaction' if request.blueprint == 'transactions' else 'log'}_suggestions"),
    }
