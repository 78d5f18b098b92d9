"""Payouts in an admin's words: statuses, steps, checks, groups of the queue."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.blueprints.filters import duration_ms, money
from portal.domain.payouts.preview import Check, Checked
from portal.domain.standing import Standing
from portal.queries.payout_life import Step, StepKey, StepState
from portal.queries.payout_search import PayoutCounts, PayoutDetail, PayoutSearch, PayoutStatus

S = PayoutStatus

STATUSES = {
    S.REQUESTED: _l("À approuver"),
    S.APPROVED: _l("Approuvé"),
    S.SUBMITTING: _l("Envoi en cours"),
    S.PROCESSING: _l("En transit"),
    S.PAID: _l("Payé"),
    S.FAILED: _l("Échoué"),
    S.RETURNED: _l("Retourné"),
    S.REVIEW: _l("À vérifier"),
    S.REJECTED: _l("Rejeté"),
    S.CANCELED: _l("Annulé"),
}

GROUPS: tuple[tuple[Any, tuple[PayoutStatus, ...], bool], ...] = (
    (_l("À approuver"), (S.REQUESTED,), True),
    (_l("En cours"), (S.APPROVED, S.SUBMITTING, S.PROCESSING), True),
    (_l("Échoués"), (S.FAILED, S.RETURNED), True),
    (_l("Payés"), (S.PAID,), False),
    (_l("Rejetés ou annulés"), (S.REJECTED, S.CANCELED), False),
)
"""Groups of the queue: label, statuses, and whether their number matters."""

STEPS: Mapping[StrEnum, Any] = {
    StepKey.REQUEST: _l("Demandé"),
    StepKey.DECISION: _l("Décision d’un administrateur"),
    StepKey.SENDING: _l("Envoi à Stripe"),
    StepKey.ACCEPTANCE: _l("Accepté par Stripe"),
    StepKey.ARRIVAL: _l("Arrivé à la banque"),
    StepKey.RETURN: _l("Retourné par la banque"),
    StepKey.CANCELLATION: _l("Annulé"),
}


@dataclass(frozen=True, slots=True)
class ShownStep:
    """A step as the timeline shows it."""

    label: Any
    state: StepState
    at: datetime | None
    due: datetime | None
    elapsed: str | None
    actor: str | None = None
    note: str | None = None
    href: str | None = None


def shown_steps(steps: list[Step], detail: PayoutDetail, rows: Mapping[StrEnum, int | None]) -> list[ShownStep]:
    """A payout's life in words; `rows` are the log's rows that show its steps."""
    return [
        ShownStep(
            label=_label(step),
            state=step.state,
            at=step.at,
            due=step.due,
            elapsed=duration_ms(step.elapsed) if step.elapsed is not None else None,
            actor=_actor(step, detail),
            note=_note(step, detail),
            href=url_for("logs.detail", row_id=row) if (row := rows.get(step.key)) else None,
        )
        for step in steps
    ]


def _label(step: Step) -> Any:
    if step.key is StepKey.DECISION and step.state is StepState.DONE:
        return _("Approuvé")
    if step.key is StepKey.DECISION and step.state is StepState.FAILED:
        return _("Rejeté")
    refused = step.key is StepKey.ACCEPTANCE and step.state is StepState.FAILED
    return _("Refusé par Stripe") if refused else STEPS[step.key]


def _actor(step: Step, detail: PayoutDetail) -> str | None:
    if step.key is StepKey.REQUEST:
        return detail.payout.creator.name
    if step.key is StepKey.DECISION and step.at and detail.decided_by:
        return detail.decided_by.name
    return None


def _note(step: Step, detail: PayoutDetail) -> str | None:
    payout = detail.payout
    if step.key is StepKey.DECISION and step.state is StepState.SKIPPED and not payout.decided_at:
        return str(_("Montant sous la limite d’approbation automatique.")) if payout.route == "auto" else None
    if step.key is StepKey.DECISION and step.state is StepState.FAILED:
        return payout.rejection_reason
    if step.key is StepKey.ACCEPTANCE and payout.status is S.REVIEW:
        return str(_("Issue inconnue depuis plus de 23 heures : vérifiez dans Stripe avant toute décision."))
    if step.key is StepKey.ACCEPTANCE and payout.status is S.SUBMITTING:
        return str(_("Envoyé ; la réponse de Stripe n’est pas encore connue. Le portail la redemande."))
    return None


@dataclass(frozen=True, slots=True)
class Tab:
    """One group of the queue."""

    label: Any
    href: str
    current: bool
    count: int | None = None


def tabs(search: PayoutSearch, counts: PayoutCounts, kept: dict[str, Any]) -> list[Tab]:
    """The groups, what needs somebody first; `kept` are the filters that stay."""
    chosen = set(search.statuses)
    groups = [
        Tab(
            label,
            url_for("payouts.index", status=list(statuses), **kept),
            chosen == set(statuses) and not search.stuck,
            counts.of(*statuses) if counted else None,
        )
        for label, statuses, counted in GROUPS
    ]
    stuck = Tab(_("En retard"), url_for("payouts.index", stuck=1, **kept), search.stuck, counts.stuck)
    everything = Tab(_("Tous"), url_for("payouts.index", **kept), not chosen and not search.stuck)
    return [groups[0], stuck, *groups[1:], everything]


@dataclass(frozen=True, slots=True)
class ShownCheck:
    """A check as the confirmation page shows it."""

    label: str
    passed: bool
    detail: str | None


def shown_checks(checks: list[Checked], detail: PayoutDetail, standing: Standing) -> list[ShownCheck]:
    """The checks in words."""
    return [ShownCheck(_check_label(c.check), c.passed, _why(c, detail, standing)) for c in checks]


def _check_label(check: Check) -> str:
    labels = {
        Check.NOT_OWN: _("Ce payout n’est pas le vôtre"),
        Check.NOT_BLOCKED: _("Les payouts du créateur ne sont pas bloqués"),
        Check.SAME_ACCOUNT: _("Le compte Stripe est celui de la demande"),
        Check.ACCOUNT_READY: _("Stripe autorise les payouts de ce compte"),
        Check.BANK_VALID: _("Le compte bancaire est utilisable"),
        Check.BALANCE_COVERS: _("Le solde disponible couvre le montant"),
        Check.NO_DISPUTE: _("Aucun litige n’est ouvert sur ses ventes"),
    }
    return str(labels[check])


def _why(checked: Checked, detail: PayoutDetail, standing: Standing) -> str | None:
    """What a failed check rests on."""
    if checked.passed:
        return None
    payout = detail.payout
    if checked.check is Check.NOT_BLOCKED:
        return payout.creator.payout_block_reason
    if checked.check is Check.ACCOUNT_READY and standing.account:
        return ", ".join(standing.account.requirements_due) or None
    if checked.check is Check.BALANCE_COVERS:
        return money(standing.available_minor(payout.currency), payout.currency)
    return None
