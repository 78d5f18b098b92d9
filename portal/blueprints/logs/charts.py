"""The log over time: a fragment that is drawn after the rows, or in the page itself without JavaScript."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from flask import render_template, url_for
from flask_babel import gettext

from portal.blueprints.access import READERS, requires, settings
from portal.blueprints.addresses import address
from portal.blueprints.chart import SPAN, drawn, reader_zone, span_asked, span_of_rows
from portal.blueprints.explorer import Pair, searched
from portal.blueprints.logs import bp
from portal.blueprints.logs.words import EXPLORER
from portal.blueprints.saved_views.menu import SUMMARY
from portal.domain.work import utc_now
from portal.queries.counted_hours import Cutoffs, kept_since
from portal.queries.histogram import log_histogram
from portal.queries.log_search import LogSearch
from portal.unit_of_work import reading_books


@bp.get("/histogram")
@requires(*READERS)
def histogram() -> str:
    """The chart of a search, without the page around it."""
    search = searched(LogSearch, also=SPAN)
    return render_template("logs/_histogram.html", **_drawn(search, span_asked()))


def drawing(search: LogSearch, rows: Sequence[Any]) -> dict[str, Any]:
    """The chart in the page of its rows."""
    return _drawn(search, span_of_rows(rows))


def _drawn(search: LogSearch, rows: Sequence[datetime]) -> dict[str, Any]:
    def find() -> Any:
        return log_histogram(reading_books(), search, now=utc_now(), zone=reader_zone(), cutoffs=cutoffs())

    return drawn(EXPLORER, find, rows)


def chart_links() -> list[Pair]:
    """The other sums of the log, beside its chart."""
    return [
        (gettext("Résumé, 7 jours"), url_for("logs.groups", **SUMMARY)),
        (gettext("Grouper"), EXPLORER.beside("logs.groups", ("by", "type"))),
        (gettext("Complétude"), address("logs.log_completeness")),
    ]


def cutoffs() -> Cutoffs:
    """Until when rows of each level are kept here."""
    return kept_since(reading_books(), days(), now=utc_now())


def days() -> Mapping[str, int]:
    """How long each level is kept, as set."""
    return settings().retention_days
