"""The lists of payments, refunds and disputes, and one payment."""

from typing import Any
from uuid import UUID

from flask import abort, render_template, request, url_for
from flask_babel import gettext as _

from portal.blueprints.access import READERS, requires, with_query
from portal.blueprints.filters import select_timezone
from portal.blueprints.lists import hidden, kept, page_href, with_page_size
from portal.blueprints.payments import bp
from portal.blueprints.traces.words import shown_step
from portal.domain.work import utc_now
from portal.queries.complaint_search import ComplaintCounts, ComplaintSearch, Kind, count_complaints
from portal.queries.creator_search import find_creator
from portal.queries.payment_search import (
    PaymentDetail,
    PaymentSearch,
    PaymentStatus,
    count_payments,
    find_payment,
)
from portal.queries.trace import find_trace
from portal.queries.trace_rows import TraceKind
from portal.unit_of_work import reading

KEPT = ("q", "from", "to", "tz", "creatorId", "limit")
GROUPS = (PaymentStatus.SUCCEEDED, PaymentStatus.PENDING, PaymentStatus.FAILED, PaymentStatus.REFUNDED)


@bp.get("/payments")
@requires(*READERS)
def index() -> str:
    """Payments newest first, with what they add up to."""
    search = PaymentSearch.from_args(with_page_size(request.args), tz=select_timezone(), now=utc_now())
    page = search.page(reading())
    return render_template(
        "payments/index.html",
        search=search,
        page=page,
        totals=search.totals(reading()),
        tabs=_payment_tabs(search),
        hidden=hidden("status", "creatorId"),
        creator=find_creator(reading(), search.creator_id) if search.creator_id else None,
        previous_href=page_href(page.previous),
        next_href=page_href(page.next),
        without=lambda **gone: with_query(cursor=None, **gone),
    )


def _payment_tabs(search: PaymentSearch) -> list[dict[str, Any]]:
    stay, counts = kept(*KEPT), count_payments(reading())
    labels = {
        PaymentStatus.SUCCEEDED: _("Réussis"),
        PaymentStatus.PENDING: _("En attente"),
        PaymentStatus.FAILED: _("Échoués"),
        PaymentStatus.REFUNDED: _("Remboursés"),
    }
    everything = {"label": _("Tous"), "href": url_for("payments.index", **stay), "current": not search.statuses}
    tabs: list[dict[str, Any]] = [everything | {"count": sum(counts.values())}]
    for status in GROUPS:
        href = url_for("payments.index", status=status, **stay)
        current = search.statuses == (status,)
        tabs.append({"label": labels[status], "href": href, "current": current, "count": counts.get(status, 0)})
    return tabs


def payment_or_404(payment_id: UUID) -> PaymentDetail:
    """The payment of an address."""
    detail = find_payment(reading(), payment_id)
    if detail is None:
        abort(404)
    return detail


@bp.get("/payments/<uuid:payment_id>")
@requires(*READERS)
def detail(payment_id: UUID) -> str:
    """One payment: who paid whom, how it was shared, what was given back."""
    found = payment_or_404(payment_id)
    trace = find_trace(reading(), TraceKind.PAYMENT, str(payment_id), now=utc_now())
    steps = [shown_step(step) for step in trace.steps] if trace else []
    return render_template("payments/detail.html", found=found, payment=found.sold.payment, steps=steps)


@bp.get("/refunds-disputes")
@requires(*READERS)
def complaints() -> str:
    """Refunds, or disputes: what waits for somebody comes first, as tabs."""
    search = ComplaintSearch.from_args(with_page_size(request.args), tz=select_timezone(), now=utc_now())
    page = search.page(reading())
    return render_template(
        "payments/complaints.html",
        search=search,
        page=page,
        totals=search.totals(reading()),
        tabs=_complaint_tabs(search, count_complaints(reading())),
        hidden=hidden("kind", "open", "overdue", "status"),
        now=utc_now(),
        previous_href=page_href(page.previous),
        next_href=page_href(page.next),
        without=lambda **gone: with_query(cursor=None, **gone),
    )


def _complaint_tabs(search: ComplaintSearch, counts: ComplaintCounts) -> list[dict[str, Any]]:
    stay = kept("q", "from", "to", "tz", "limit")
    rows = (
        (_("Litiges ouverts"), Kind.DISPUTES, True, counts.open_disputes),
        (_("Tous les litiges"), Kind.DISPUTES, False, counts.disputes),
        (_("Remboursements en cours"), Kind.REFUNDS, True, counts.pending_refunds),
        (_("Tous les remboursements"), Kind.REFUNDS, False, counts.refunds),
    )
    return [
        {
            "label": label,
            "href": url_for("payments.complaints", kind=kind, open=1 if is_open else None, **stay),
            "current": search.kind is kind and search.is_open is is_open and not search.statuses,
            "count": count,
        }
        for label, kind, is_open, count in rows
    ]
