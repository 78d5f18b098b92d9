"""The life of one payout as steps: done, current, failed, skipped, overdue or not reached."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.models import Log, Payout
from portal.queries.payout_search import LATE_ARRIVAL, UNSENT, PayoutRoute, PayoutStatus, stuck_since


class StepKey(StrEnum):
    """The steps of a payout, in their order; the last two only where they happened."""

    REQUEST = "request"
    DECISION = "decision"
    SENDING = "sending"
    ACCEPTANCE = "acceptance"
    ARRIVAL = "arrival"
    RETURN = "return"
    CANCELLATION = "cancellation"


class StepState(StrEnum):
    """How a step stands; the words of the timeline."""

    DONE = "done"
    CURRENT = "current"
    FAILED = "failed"
    SKIPPED = "skipped"
    OVERDUE = "overdue"
    NOT_REACHED = "not_reached"
    DUPLICATE = "duplicate"
    IMPOSSIBLE_ORDER = "impossible_order"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: when it happened, how long after the one before, and until when it was expected."""

    key: StrEnum
    state: StepState
    at: datetime | None = None
    due: datetime | None = None
    elapsed: timedelta | None = None


MAIN = (StepKey.REQUEST, StepKey.DECISION, StepKey.SENDING, StepKey.ACCEPTANCE, StepKey.ARRIVAL)
CURRENT = {
    PayoutStatus.REQUESTED: StepKey.DECISION,
    PayoutStatus.APPROVED: StepKey.SENDING,
    PayoutStatus.SUBMITTING: StepKey.ACCEPTANCE,
    PayoutStatus.REVIEW: StepKey.ACCEPTANCE,
    PayoutStatus.PROCESSING: StepKey.ARRIVAL,
}


def accepted_at(session: Session, payout_id: UUID) -> datetime | None:
    """When Stripe's payout became known, from the book."""
    about = Log.details["payoutId"].astext == str(payout_id)
    return session.scalar(select(func.max(Log.created_at)).where(about, Log.type == "PAYOUT_PROCESSING"))


def life_of(payout: Payout, *, accepted: datetime | None, now: datetime) -> list[Step]:
    """The steps of a payout whose attempts are loaded."""
    steps = [_main_step(payout, key, accepted, now) for key in MAIN]
    if payout.status is PayoutStatus.CANCELED:
        steps = [step for step in steps if step.at] + [_end(StepKey.CANCELLATION, payout)]
    if payout.status is PayoutStatus.RETURNED:
        steps.append(_end(StepKey.RETURN, payout))
    return with_elapsed(steps)


def _end(key: StepKey, payout: Payout) -> Step:
    return Step(key, StepState.FAILED, payout.updated_at)


def _main_step(payout: Payout, key: StepKey, accepted: datetime | None, now: datetime) -> Step:
    at = _moment(payout, key, accepted)
    state = _state(payout, key, at, now)
    due = _due(payout, key) if state in {StepState.CURRENT, StepState.OVERDUE} else None
    return Step(key, state, at if state in {StepState.DONE, StepState.FAILED} else None, due)


def _state(payout: Payout, key: StepKey, at: datetime | None, now: datetime) -> StepState:
    if key is StepKey.DECISION and payout.route is PayoutRoute.AUTO:
        return StepState.SKIPPED
    if key is _failed_step(payout):
        return StepState.FAILED
    if key is CURRENT.get(payout.status):
        return StepState.OVERDUE if stuck_since(payout, now) else StepState.CURRENT
    reached = MAIN.index(key) < MAIN.index(_frontier(payout))
    if reached or at is not None:
        return StepState.DONE
    return StepState.NOT_REACHED if payout.status in CURRENT else StepState.SKIPPED


def _frontier(payout: Payout) -> StepKey:
    """The first step that is not behind the payout."""
    return CURRENT.get(payout.status) or _failed_step(payout) or StepKey.REQUEST


def _failed_step(payout: Payout) -> StepKey | None:
    if payout.status is PayoutStatus.REJECTED:
        return StepKey.DECISION
    if payout.status is not PayoutStatus.FAILED:
        return None
    return StepKey.ARRIVAL if payout.stripe_payout_id else StepKey.ACCEPTANCE


def _moment(payout: Payout, key: StepKey, accepted: datetime | None) -> datetime | None:
    failed = payout.updated_at if key is _failed_step(payout) else None
    attempt = payout.attempts[-1] if payout.attempts else None
    moments = {
        StepKey.REQUEST: payout.created_at,
        StepKey.DECISION: payout.decided_at,
        StepKey.SENDING: attempt.first_sent_at if attempt else None,
        StepKey.ACCEPTANCE: accepted,
        StepKey.ARRIVAL: payout.paid_at,
    }
    return failed or moments.get(key)


def _due(payout: Payout, key: StepKey) -> datetime | None:
    if key in {StepKey.SENDING, StepKey.ACCEPTANCE} and payout.status is not PayoutStatus.REVIEW:
        return payout.updated_at + UNSENT
    if key is StepKey.ARRIVAL and payout.arrival_at:
        late = payout.status is PayoutStatus.PROCESSING
        return payout.arrival_at + LATE_ARRIVAL if late else payout.arrival_at
    return None


def with_elapsed(steps: list[Step]) -> list[Step]:
    """Each step with the time since the last dated one before it."""
    timed: list[Step] = []
    before: datetime | None = None
    for step in steps:
        timed.append(replace(step, elapsed=step.at - before) if step.at and before and step.at >= before else step)
        before = step.at or before
    return timed
