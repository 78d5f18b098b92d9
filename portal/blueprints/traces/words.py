"""What a trace's page says: its title, its steps as the timeline shows them, its rows with their links."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby
from typing import Any
from urllib.parse import quote

from flask import url_for
from flask_babel import gettext

from portal.blueprints.entities import KIND_LABELS
from portal.blueprints.filters import duration_ms, money
from portal.blueprints.spoken import lazy_gettext
from portal.queries.payout_life import StepKey
from portal.queries.payout_search import Payout
from portal.queries.sale_life import SaleKey
from portal.queries.trace import Trace, TraceItem
from portal.queries.trace_steps import TraceStep

STEP_LABELS: Mapping[StrEnum, Any] = {
    StepKey.REQUEST: lazy_gettext("Demandé"),
    StepKey.DECISION: lazy_gettext("Approuvé"),
    StepKey.SENDING: lazy_gettext("Envoyé à Stripe"),
    StepKey.ACCEPTANCE: lazy_gettext("Pris en charge par Stripe"),
    StepKey.ARRIVAL: lazy_gettext("Arrivé à la banque"),
    StepKey.RETURN: lazy_gettext("Retourné par la banque"),
    StepKey.CANCELLATION: lazy_gettext("Annulé"),
    SaleKey.BOOKING: lazy_gettext("Réservé"),
    SaleKey.PAYMENT: lazy_gettext("Paiement commencé"),
    SaleKey.PAID: lazy_gettext("Payé"),
    SaleKey.CONFIRMATION: lazy_gettext("Réservation confirmée"),
    SaleKey.COMPLETION: lazy_gettext("Appel terminé"),
    SaleKey.CANCELLATION: lazy_gettext("Réservation annulée"),
    SaleKey.EXPIRY: lazy_gettext("Réservation expirée"),
    SaleKey.REFUND: lazy_gettext("Argent rendu au client"),
    SaleKey.REFUND_REQUEST: lazy_gettext("Remboursement demandé"),
    SaleKey.AT_STRIPE: lazy_gettext("Pris en charge par Stripe"),
    SaleKey.SETTLEMENT: lazy_gettext("Argent rendu au client"),
    SaleKey.DISPUTE: lazy_gettext("Litige ouvert"),
    SaleKey.EVIDENCE: lazy_gettext("Preuves données à la banque"),
    SaleKey.CLOSING: lazy_gettext("Litige clos"),
}
NOTES: Mapping[str, Any] = {
    "Unpaid before its deadline": lazy_gettext("Elle n’a pas été payée à temps."),
    "Cancelled by creator via call offer update": lazy_gettext("Le créateur a annulé l’appel."),
    "won": lazy_gettext("Gagné : l’argent retenu est rendu."),
    "lost": lazy_gettext("Perdu : le client garde l’argent."),
    "warning_closed": lazy_gettext("Alerte close : aucun argent n’a été retenu."),
    "prevented": lazy_gettext("Évité : aucun litige n’a suivi."),
}
"""What the rows keep in Stripe's words, or in the specification's."""

REPEATS = 3
"""More rows alike than this, one after the other, are folded."""

BOOK_LABELS = {
    "log": (lazy_gettext("Journal"), "scroll-text"),
    "transaction_log": (lazy_gettext("Transaction"), "receipt"),
    "stripe": (lazy_gettext("Stripe"), "webhook"),
}


@dataclass(frozen=True, slots=True)
class ShownStep:
    """One step as the timeline takes it."""

    label: Any
    state: str
    at: datetime | None
    due: datetime | None
    actor: str | None
    elapsed: str | None
    href: str | None
    note: str | None


def title(trace: Trace) -> str:
    """What the page is about."""
    if trace.payout is not None:
        payout = trace.payout.payout
        amount = money(payout.amount_minor, payout.currency)
        return str(gettext("Payout de %(amount)s à %(name)s", amount=amount, name=payout.creator.name))
    return str(gettext("Trace : %(kind)s", kind=str(KIND_LABELS[trace.kind]).lower()))


def shown_step(step: TraceStep) -> ShownStep:
    """A step in the reader's words, with the link to the event that shows it."""
    elapsed = duration_ms(step.step.elapsed) if step.step.elapsed else None
    label = step_label(step)
    href = url_for("logs.detail", row_id=step.log_id) if step.log_id else None
    note = _note(step)
    at, due, state = step.step.at, step.step.due, step.step.state.value
    return ShownStep(label, state, at, due, step.actor, elapsed, href, note)


def step_label(step: TraceStep) -> Any:
    """What a step is called."""
    return lazy_gettext("Rejeté") if step.type == "PAYOUT_REJECTED" else STEP_LABELS[step.step.key]


def _note(step: TraceStep) -> str | None:
    """What is wrong with a step, else what its rows say of it."""
    if step.times > 1:
        return str(gettext("%(type)s est écrit %(times)s fois.", type=step.type, times=step.times))
    if step.against is not None:
        before = STEP_LABELS[step.against]
        return str(gettext("%(type)s est écrit avant « %(step)s », à tort.", type=step.type, step=before))
    return str(NOTES.get(step.note, step.note)) if step.note else None


def later(span: timedelta | None) -> str | None:
    """How much longer one side took than the other."""
    if span is None:
        return None
    if abs(span) < timedelta(milliseconds=1):
        return str(gettext("autant"))
    sign = "+" if span > timedelta() else "\u2212"
    return f"{sign}\u00a0{duration_ms(abs(span))}"


@dataclass(frozen=True, slots=True)
class Run:
    """A row, and those right after it that say the same."""

    item: TraceItem
    repeats: Sequence[TraceItem]


def runs(items: Sequence[TraceItem]) -> list[Run]:
    """The rows; more than REPEATS alike in a row, as polling writes them, become one with its repeats."""
    found = []
    for _, alike in groupby(
        items, key=lambda i: (i.book, i.type, i.level, i.actor, i.actor_id, i.message, i.status)
    ):
        rows = list(alike)
        if len(rows) > REPEATS:
            found.append(Run(rows[0], rows[1:]))
        else:
            found += [Run(row, ()) for row in rows]
    return found


def row_href(item: TraceItem) -> str:
    """The permanent page of a row."""
    return row_hrefs()(item)


def row_hrefs() -> Callable[[TraceItem], str]:
    """The permanent pages of many rows: what their addresses share is made once."""
    starts = {
        "log": url_for("logs.detail", row_id=0).removesuffix("0"),
        "transaction_log": url_for("transactions.detail", row_id=0).removesuffix("0"),
        "stripe": url_for("traces.show", kind="event", id=0).removesuffix("0"),
    }
    return lambda item: f"{starts[item.book]}{quote(str(item.id))}"


def gap(item: TraceItem) -> str | None:
    """How long after the row before, where it is more than nothing."""
    return f"+{duration_ms(item.gap)}" if item.gap else None


def suggestion(payout: Payout) -> dict[str, Any]:
    """Another payout to compare with."""
    return {"id": payout.id, "label": money(payout.amount_minor, payout.currency), "payout": payout}


def facts(trace: Trace) -> list[tuple[Any, str]]:
    """How long the life lasted, and what was waited for longest."""
    found: list[tuple[Any, str]] = []
    if trace.lasted is not None:
        found.append((gettext("Durée"), duration_ms(trace.lasted)))
    if trace.longest is not None and trace.longest.gap:
        waited = gettext("%(span)s avant %(type)s", span=duration_ms(trace.longest.gap), type=trace.longest.type)
        found.append((gettext("Plus longue attente"), waited))
    return found


def side(trace: Trace) -> str:
    """A trace as an address names it."""
    return f"{trace.kind}:{trace.id}"
