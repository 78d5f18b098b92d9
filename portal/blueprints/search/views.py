"""/dashboard/admin/search: one hit leads there, several are a page, none offers the text search of both books."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from flask import redirect, render_template, request, url_for
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response

from portal.blueprints.access import READERS, requires
from portal.blueprints.search import bp
from portal.queries.global_search import EACH, Hit, Kind, find_anything
from portal.queries.parameters import one, refuse_unknown
from portal.unit_of_work import reading

LABELS: Mapping[Kind, Any] = {
    Kind.PAYOUT: _("Payouts"),
    Kind.BOOKING: _("Réservations"),
    Kind.PAYMENT: _("Paiements"),
    Kind.REFUND: _("Remboursements"),
    Kind.DISPUTE: _("Litiges"),
    Kind.CREATOR: _("Créateurs"),
    Kind.USER: _("Utilisateurs"),
    Kind.OFFER: _("Offres"),
    Kind.EVENT: _("Événements Stripe"),
    Kind.JOB_RUN: _("Exécutions de tâche"),
    Kind.REQUEST: _("Requêtes"),
    Kind.LOG: _("Lignes du journal système"),
    Kind.MONEY: _("Lignes des transactions"),
    Kind.TYPE: _("Types d’événement"),
}
PAGES: Mapping[Kind, tuple[str, str]] = {
    Kind.PAYOUT: ("payouts.detail", "payout_id"),
    Kind.BOOKING: ("all_bookings.detail", "booking_id"),
    Kind.PAYMENT: ("payments.detail", "payment_id"),
    Kind.CREATOR: ("creators.detail", "creator_id"),
    Kind.USER: ("users.detail", "user_id"),
    Kind.EVENT: ("webhooks.detail", "event_id"),
    Kind.LOG: ("logs.detail", "row_id"),
    Kind.MONEY: ("transactions.detail", "row_id"),
    Kind.TYPE: ("logs.index", "type"),
}
"""Where each kind is shown; the others have their trace."""


@bp.get("")
@requires(*READERS)
def index() -> str | Response:
    """The answer to `q`."""
    refuse_unknown(request.args, ("q",))
    text = one(request.args, "q") or ""
    hits = find_anything(reading(), text) if text else []
    if len(hits) == 1:
        return redirect(href(hits[0]))
    groups = [(LABELS[kind], list(found)) for kind, found in groupby(hits, key=lambda hit: hit.kind)]
    phrase = '"' + text.replace('"', " ").strip() + '"'
    return render_template("search/index.html", text=text, groups=groups, href=href, phrase=phrase, each=EACH)


def href(hit: Hit) -> str:
    """Where a hit is shown."""
    if hit.kind not in PAGES:
        return url_for("traces.show", kind=hit.kind.value, id=hit.id)
    endpoint, name = PAGES[hit.kind]
    values: dict[str, Any] = {name: hit.id}
    return url_for(endpoint, **values)
