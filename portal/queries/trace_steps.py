"""A payout's expected steps, each with the event that shows it; and why it failed, with what the books know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from portal.models import Payout, PayoutRoute, PayoutStatus
from portal.models.currency import to_minor
from portal.queries.payout_life import Step, StepKey, StepState, life_of
from portal.queries.payout_search import LATE_ARRIVAL, PayoutDetail

UNDECIDED = timedelta(days=3)
"""How long a payout may wait for a decision before it is late."""

SILENCE = timedelta(days=3)
"""How long Stripe may say nothing at all of a payout that it took before it is late."""

STOPPED = (
    PayoutStatus.FAILED,
    PayoutStatus.RETURNED,
    PayoutStatus.REJECTED,
    PayoutStatus.CANCELED,
    PayoutStatus.REVIEW,
)
EVENTS: Mapping[StrEnum, str] = {
    StepKey.REQUEST: "PAYOUT_REQUESTED",
    StepKey.DECISION: "PAYOUT_APPROVED",
    StepKey.SENDING: "PAYOUT_APPROVAL_STRIPE_CREATION",
    StepKey.ACCEPTANCE: "PAYOUT_PROCESSING",
    StepKey.ARRIVAL: "PAYOUT_PAID",
    StepKey.RETURN: "PAYOUT_RETURNED",
    StepKey.CANCELLATION: "PAYOUT_CANCELED",
}


class Shown(Protocol):
    """A row of the trace."""

    @property
    def id(self) -> Any:
        """The row's id."""
        ...

    @property
    def type(self) -> str:
        """The event's type."""
        ...

    @property
    def book(self) -> str:
        """The book that holds it."""
        ...

    @property
    def details(self) -> Any:
        """Its metadata."""
        ...


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One step: the event `type` expected of it, and the log row `log_id` that shows it.

    `times` is how often it came when that was too often; `against` the step that it came before, and must not.
    """

    step: Step
    type: str
    actor: str | None = None
    log_id: int | None = None
    note: str | None = None
    times: int = 1
    against: StrEnum | None = None


@dataclass(frozen=True, slots=True)
class TraceFailure:
    """Why a payout stopped; amounts in minor units."""

    status: PayoutStatus
    reason: str | None
    code: str | None
    stripe_request_id: str | None
    amount_minor: int
    currency: str
    balance_minor: int | None


def steps_of(detail: PayoutDetail, items: Sequence[Shown], now: datetime) -> list[TraceStep]:
    """The steps of a payout as they stand at `now`."""
    accepted = last_of(items, "PAYOUT_PROCESSING")
    moment = getattr(accepted, "created_at", None)
    steps = life_of(detail.payout, accepted=moment, now=now)
    is_heard = any(_is_about(item, detail.payout.stripe_payout_id) for item in items)
    return [_shown(_with_limit(step, detail.payout, is_heard, now), detail, items) for step in steps]


def _is_about(item: Shown, stripe_payout_id: str | None) -> bool:
    return item.book == "stripe" and item.details.get("objectId") == stripe_payout_id


def _with_limit(step: Step, payout: Payout, is_heard: bool, now: datetime) -> Step:
    """A decision has a limit too, and so has Stripe's silence."""
    if step.state not in {StepState.CURRENT, StepState.OVERDUE}:
        return step
    if step.key is StepKey.DECISION:
        due = payout.created_at + UNDECIDED
    elif payout.status is PayoutStatus.REVIEW:
        due = payout.updated_at
    elif step.key is StepKey.ARRIVAL and not is_heard:
        silent_until = payout.updated_at + SILENCE
        due = min(payout.arrival_at + LATE_ARRIVAL, silent_until) if payout.arrival_at else silent_until
    else:
        return step
    return replace(step, due=due, state=StepState.OVERDUE if due < now else StepState.CURRENT)


def _shown(step: Step, detail: PayoutDetail, items: Sequence[Shown]) -> TraceStep:
    type = _event(step, detail)
    row = last_of(items, type)
    failed = step.state is StepState.FAILED
    payout = detail.payout
    note = (payout.failure_message or payout.rejection_reason) if failed else None
    return TraceStep(step, type, _actor(step, detail), row.id if row else None, note)


def _event(step: Step, detail: PayoutDetail) -> str:
    if step.key is StepKey.DECISION and detail.payout.status is PayoutStatus.REJECTED:
        return "PAYOUT_REJECTED"
    if step.key is StepKey.SENDING and detail.payout.route is PayoutRoute.AUTO:
        return "PAYOUT_REQUEST_STRIPE_CREATION"
    return "PAYOUT_FAILED" if step.state is StepState.FAILED and _at_stripe(step) else EVENTS[step.key]


def _at_stripe(step: Step) -> bool:
    return step.key in {StepKey.SENDING, StepKey.ACCEPTANCE, StepKey.ARRIVAL}


def _actor(step: Step, detail: PayoutDetail) -> str | None:
    if step.key is StepKey.REQUEST and detail.payout.source == "creator":
        return detail.payout.creator.name
    decided = detail.decided_by if step.key is StepKey.DECISION else None
    return decided.name if decided else None


def last_of(items: Sequence[Shown], type: str) -> Shown | None:
    """The newest log row of a type."""
    return next((item for item in reversed(items) if item.book == "log" and item.type == type), None)


def failure_of(detail: PayoutDetail, items: Sequence[Shown]) -> TraceFailure | None:
    """Why the payout stopped, or None while it goes on."""
    payout = detail.payout
    if payout.status not in STOPPED:
        return None
    return TraceFailure(
        status=payout.status,
        reason=payout.failure_message or payout.rejection_reason or _detail(items, "stripeErrorMessage"),
        code=payout.failure_code or _detail(items, "stripeErrorCode"),
        stripe_request_id=_detail(items, "stripeRequestId"),
        amount_minor=payout.amount_minor,
        currency=payout.currency,
        balance_minor=_balance(detail, items),
    )


def _detail(items: Sequence[Shown], key: str) -> str | None:
    """The newest value of a metadata key."""
    found = (item.details.get(key) for item in reversed(items))
    return next((str(value) for value in found if value is not None), None)


def _balance(detail: PayoutDetail, items: Sequence[Shown]) -> int | None:
    """The balance that the books saw last, else the one at the request."""
    seen = _detail(items, "availableBalance")
    try:
        return detail.payout.balance_before_minor if seen is None else to_minor(seen, detail.payout.currency)
    except (ValueError, ArithmeticError):
        return detail.payout.balance_before_minor
