"""Approving several payouts at once: one page repeats them all, each is checked and approved by itself."""

import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import abort, render_template, request
from flask_babel import gettext as _
from flask_wtf import FlaskForm

from portal.blueprints.access import gateway, me, requires, settings
from portal.blueprints.again import recently
from portal.blueprints.errors import sentence
from portal.blueprints.payouts import bp
from portal.blueprints.payouts.forms import must_retype
from portal.blueprints.payouts.telling import outcome
from portal.blueprints.payouts.views import payout_or_404
from portal.domain.errors import DomainError
from portal.domain.payouts.preview import look_at
from portal.domain.payouts.review import approve_payout
from portal.domain.payouts.two_admins import needs_two
from portal.domain.people import Role
from portal.domain.work import utc_now
from portal.queries.disputes import disputed_creators
from portal.queries.paging import BadParameter, parse_uuid
from portal.queries.payout_search import Payout, PayoutStatus, payouts_by_id
from portal.unit_of_work import reading, unit_of_work

MOST = 50
PATIENCE = 40
"""Seconds after which no further payout is begun: the answer must come before the server gives up on it."""


class ApproveSelectedForm(FlaskForm):  # type: ignore[misc]
    """A yes to the payouts that the page repeats; their ids and versions come beside it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One payout of a selection, and why it is left out, if it is."""

    payout: Payout
    why_not: str | None


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one payout."""

    payout: Payout
    tone: str
    message: str


@bp.get("/approve")
@requires(Role.ADMIN)
@recently
def approve_selected() -> str:
    """What approving the selection means, a total a currency; changes nothing."""
    sent = [given.partition(":")[0] for given in request.form.getlist("payout")]  # back from a sign-in
    lines = _lines(_selected([(given, None) for given in request.args.getlist("id") or sent]))
    return render_template(
        "payouts/approve_selected.html",
        form=ApproveSelectedForm(),
        lines=lines,
        approved=[line.payout for line in lines if line.why_not is None],
        totals=_totals(lines),
        most=MOST,
    )


@bp.post("/approve")
@requires(Role.ADMIN)
@recently
def approve_selected_post() -> str:
    """Approve them one after the other; each has its own line in the answer, whatever became of the others."""
    wanted = _selected([_versioned(given) for given in request.form.getlist("payout")])
    until = time.monotonic() + PATIENCE
    lines = _lines(wanted)
    reading().close()
    results = [_approve(line, wanted[line.payout.id], until) for line in lines]
    done = [result for result in results if result.tone == "success"]
    return render_template("payouts/approved_selected.html", results=results, done=len(done))


def _versioned(given: str) -> tuple[str, int | None]:
    payout_id, _colon, version = given.partition(":")
    if not (version.isascii() and version.isdigit() and len(version) < 10):
        raise BadParameter("payout", given, "un payout et sa version, comme la page de confirmation les donne")
    return payout_id, int(version)


def _selected(given: list[tuple[str, int | None]]) -> dict[UUID, int | None]:
    if not 1 <= len(given) <= MOST:
        raise BadParameter("id", str(len(given)), "de 1 à 50 payouts")
    found = {parse_uuid("id", payout_id): version for payout_id, version in given}
    return {payout_id: version for payout_id, version in found.items() if payout_id is not None}


def _lines(wanted: dict[UUID, Any]) -> list[Line]:
    payouts = payouts_by_id(reading(), wanted)
    if len(payouts) != len(wanted):
        abort(404)
    disputed = disputed_creators(reading(), (payout.creator_id for payout in payouts))
    return [Line(payout, _why_not(payout, payout.creator_id in disputed)) for payout in payouts]


def _why_not(payout: Payout, disputed: bool) -> str | None:
    """What makes a payout one to decide on by itself."""
    limit, creator = settings().payout_retype_above, payout.creator
    reasons = (
        (payout.status is not PayoutStatus.REQUESTED, _("n’attend plus de décision")),
        (creator.user_id == me().user_id, _("c’est le vôtre")),
        (creator.is_payout_blocked, _("payouts du créateur bloqués")),
        (creator.stripe_account_id != payout.stripe_account_id, _("compte Stripe changé")),
        (disputed, _("litige ouvert : à décider seul")),
        (needs_two(payout, settings().payout_two_admins_above), _("deux approbations : à décider seul")),
        (must_retype(payout.amount_minor, payout.currency, limit), _("montant à retaper : à décider seul")),
    )
    return next((str(reason) for holds, reason in reasons if holds), None)


def _totals(lines: list[Line]) -> dict[str, tuple[int, int]]:
    """How many and how much a currency, of what will be approved."""
    totals: dict[str, tuple[int, int]] = {}
    for payout in (line.payout for line in lines if line.why_not is None):
        count, total = totals.get(payout.currency, (0, 0))
        totals[payout.currency] = (count + 1, total + payout.amount_minor)
    return totals


def _approve(line: Line, version: int | None, until: float) -> Result:
    payout = line.payout
    if line.why_not is not None:
        return Result(payout, "warning", line.why_not)
    if time.monotonic() > until:
        return Result(payout, "warning", _("pas commencé, faute de temps : sélectionnez-le de nouveau"))
    if _failed_checks(payout.id):
        return Result(payout, "warning", _("vérifications non réussies chez Stripe : à décider seul"))
    try:
        approve_payout(
            unit_of_work,
            gateway(),
            payout_id=payout.id,
            actor=me().actor,
            clock=utc_now,
            version=version,
            two_above=settings().payout_two_admins_above,
        )
    except DomainError as refusal:
        return Result(payout, "error", sentence(refusal))
    detail = payout_or_404(payout.id)
    return Result(detail.payout, *outcome(detail))


def _failed_checks(payout_id: UUID) -> bool:
    """Whether Stripe does not answer, or a check of the confirmation page does not pass."""
    payout = payout_or_404(payout_id).payout
    reading().close()  # no transaction stays open while Stripe is asked
    return look_at(gateway(), payout, admin_id=me().user_id, disputes=0).failed
