"""The log in groups: a table of types, actors, requests or entities, each leading to its rows."""

from dataclasses import replace
from typing import Any

from flask import redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from portal.blueprints.access import READERS, requires
from portal.blueprints.chart import doubts
from portal.blueprints.explorer import hidden, pairs, remember_way_back, searched
from portal.blueprints.logs import bp
from portal.blueprints.logs.charts import cutoffs
from portal.blueprints.logs.words import EXPLORER, actor_label
from portal.blueprints.saved_views.menu import SUMMARY
from portal.queries.counted_hours import counted_hours, missing_levels
from portal.queries.log_groups import KEYS, Group, Groups, log_groups
from portal.queries.log_search import LogLevel, LogSearch
from portal.queries.paging import BadParameter
from portal.queries.parameters import one
from portal.unit_of_work import reading_books

GROUPED = replace(EXPLORER, endpoint="logs.groups", keeps=("by",))
LEVELS = [level.value for level in reversed(LogLevel)]


@bp.get("/groups")
@requires(*READERS)
def groups() -> str:
    """The search's rows in groups, the largest first."""
    search = searched(LogSearch, also=("by",))
    by = _grouped_by()
    return render_template(
        "logs/groups.html",
        by=by,
        keys=[(key, key_label(key)) for key in KEYS],
        pills=GROUPED.pills(),
        explorer=GROUPED,
        rows_href=EXPLORER.href(pairs()),
        hidden=hidden(),
        level_columns=[{"label": level, "num": True} for level in LEVELS],
        **_found(search, by),
    )


@bp.get("/summary")
@requires(*READERS)
def summary() -> Response:
    """Where the summary by type was before it was one of the groups: its links still lead there."""
    given = {name: values for name, values in request.args.lists() if any(values)}
    return redirect(url_for("logs.groups", **{**SUMMARY, **given}), 301)


def _found(search: LogSearch, by: str) -> dict[str, Any]:
    session = reading_books()
    try:
        found = log_groups(session, search, by, cutoffs())
        missing = missing_levels(search.level, search.period.start, counted_hours(session), cutoffs())
    except BadParameter as error:
        return {"too_slow": error}
    return {
        "found": found,
        "groups": [_row(by, group, found) for group in found.largest],
        "doubts": doubts(found.counted, {} if found.counted.by_hours else missing),
    }


def _row(by: str, group: Group, found: Groups) -> dict[str, Any]:
    name = by if by in {"type", "actor", "requestId"} else "entity"
    return {
        "label": actor_label(group.key) if by == "actor" else group.key,
        "href": EXPLORER.only(name, group.key),
        "counts": [
            (level, group.counts[LogLevel(level)], EXPLORER.choosing((name, group.key), ("level", level)))
            for level in LEVELS
        ],
        "total": group.total,
        "share": group.total / found.counted.total,
        "first": group.first,
        "last": group.last,
    }


def _grouped_by() -> str:
    by = one(request.args, "by") or "type"
    if by not in KEYS:
        error = BadParameter("by", by, "%(values)s", {"values": ", ".join(KEYS)})
        remember_way_back(error)
        raise error
    return by


def key_label(key: str) -> str:
    """What the log is grouped by, in the reader's language."""
    words = {
        "type": gettext("Type"),
        "actor": gettext("Acteur"),
        "requestId": gettext("Requête"),
        "payoutId": gettext("Payout"),
        "bookingId": gettext("Réservation"),
        "paymentId": gettext("Paiement"),
        "refundId": gettext("Remboursement"),
        "disputeId": gettext("Litige"),
        "offerId": gettext("Offre"),
        "creatorId": gettext("Créateur"),
        "eventId": gettext("Événement Stripe"),
        "runId": gettext("Exécution d’une tâche"),
    }
    return str(words[key])
