"""A payout's life in its creator's words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal.queries.payout_life import Step, StepKey, StepState
from portal.queries.payout_search import PayoutDetail, PayoutStatus

STEPS: Mapping[StrEnum, Any] = {
    StepKey.REQUEST: _l("Vous avez demandé ce payout"),
    StepKey.DECISION: _l("L’équipe Callastar vérifie la demande"),
    StepKey.SENDING: _l("Envoi à Stripe"),
    StepKey.ACCEPTANCE: _l("Stripe prépare le virement"),
    StepKey.ARRIVAL: _l("Arrivée sur votre compte bancaire"),
    StepKey.RETURN: _l("Votre banque a renvoyé l’argent"),
    StepKey.CANCELLATION: _l("Le payout a été annulé"),
}


@dataclass(frozen=True, slots=True)
class ShownStep:
    """A step as the creator's timeline shows it."""

    label: Any
    state: StepState
    at: datetime | None
    due: datetime | None = None
    note: str | None = None
    actor: str | None = None
    elapsed: str | None = None
    href: str | None = None


def shown_steps(steps: list[Step], detail: PayoutDetail) -> list[ShownStep]:
    """A payout's life in words, without the steps that it skipped."""
    return [_shown(step, detail) for step in steps if step.state is not StepState.SKIPPED]


def _shown(step: Step, detail: PayoutDetail) -> ShownStep:
    """Lateness is ours to look into: the creator sees the step as under way."""
    state = StepState.CURRENT if step.state is StepState.OVERDUE else step.state
    arriving = step.key is StepKey.ARRIVAL and detail.payout.status is PayoutStatus.PROCESSING
    due = detail.payout.arrival_at if arriving else None
    return ShownStep(_label(step), state, step.at, due, note=_note(step, detail))


def _label(step: Step) -> Any:
    if step.key is StepKey.DECISION and step.state is StepState.DONE:
        return _("Demande acceptée")
    if step.key is StepKey.DECISION and step.state is StepState.FAILED:
        return _("Demande refusée")
    if step.key is StepKey.ACCEPTANCE and step.state is StepState.FAILED:
        return _("Stripe a refusé le virement")
    return STEPS[step.key]


def _note(step: Step, detail: PayoutDetail) -> str | None:
    unknown = detail.payout.status in {PayoutStatus.SUBMITTING, PayoutStatus.REVIEW}
    if step.key is StepKey.ACCEPTANCE and unknown:
        return str(_("Nous attendons la confirmation de Stripe. Vous n’avez rien à faire."))
    return None
