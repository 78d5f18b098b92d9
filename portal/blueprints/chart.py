"""What an explorer's address says of its chart."""

from flask import request

from portal.blueprints.explorer import remember_way_back
from portal.queries.paging import BadParameter

CHART = ("on", "off")
"""Drawn in the page itself; folded, and not asked for. Else it is drawn after the rows, by its own request."""


def chart_state() -> str | None:
    """What this address says of the chart. Raises BadParameter."""
    state = request.args.get("chart")
    if state is not None and state not in CHART:
        error = BadParameter("chart", state, "on ou off")
        remember_way_back(error)
        raise error
    return state
