"""Steps that came twice, or before what must come first, as the rows show them whatever the thing's state says."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum

from portal.queries.payout_life import StepKey, StepState
from portal.queries.sale_life import SaleKey
from portal.queries.trace_steps import Shown, TraceStep

NEW_ROUND = frozenset({"PAYOUT_FAILED", "PAYOUT_RETURNED", "PAYOUT_CANCELED", "PAYOUT_RETRY_AUTHORIZED"})
"""After one of these a payout may take its steps again."""

ONCE = frozenset({
    "PAYOUT_REQUESTED", "PAYOUT_APPROVED", "PAYOUT_REJECTED", "PAYOUT_PROCESSING", "PAYOUT_PAID",
    "BOOKING_CREATED", "BOOKING_CONFIRMED", "BOOKING_COMPLETED", "BOOKING_CANCELLED", "BOOKING_EXPIRED",
    "PAYMENT_SUCCEEDED", "DISPUTE_OPENED", "DISPUTE_CLOSED",
})  # fmt: skip
"""What happens once a round, and is a duplicate when it is written again."""

ORDERS: tuple[tuple[StrEnum, ...], ...] = (
    (StepKey.REQUEST, StepKey.DECISION, StepKey.SENDING, StepKey.ACCEPTANCE, StepKey.ARRIVAL),
    (SaleKey.BOOKING, SaleKey.PAYMENT, SaleKey.PAID, SaleKey.CONFIRMATION, SaleKey.COMPLETION),
    (SaleKey.REFUND_REQUEST, SaleKey.SETTLEMENT),
    (SaleKey.DISPUTE, SaleKey.CLOSING),
)
"""What must come before what; a step that is not named here may come at any time."""

WAITS = frozenset({StepState.CURRENT, StepState.OVERDUE, StepState.NOT_REACHED})


def checked(steps: Sequence[TraceStep], items: Sequence[Shown]) -> list[TraceStep]:
    """The steps, told where they came twice or out of order; `items` are the trace's rows in their order."""
    rounds = _rounds(items)
    firsts = _firsts(rounds[-1])
    again = _again(rounds)
    return [_judged(step, steps, firsts, again) for step in steps]


def _rounds(items: Iterable[Shown]) -> list[list[Shown]]:
    """The rows of both books, cut where a payout begins anew; rows that waited on disk stand elsewhere."""
    rounds: list[list[Shown]] = [[]]
    for item in items:
        if item.book == "stripe" or "spooledAt" in item.details:
            continue
        if item.book == "log" and item.type in NEW_ROUND:
            rounds.append([])
        rounds[-1].append(item)
    return rounds


def _firsts(rows: Iterable[Shown]) -> Mapping[str, tuple[int, Shown]]:
    """Where each type of the log first stands in a round."""
    found: dict[str, tuple[int, Shown]] = {}
    for place, item in enumerate(rows):
        if item.book == "log":
            found.setdefault(item.type, (place, item))
    return found


def _again(rounds: Iterable[Iterable[Shown]]) -> Mapping[str, list[Shown]]:
    """The rows of each type that happens once, of the first round that holds it twice."""
    found: dict[str, list[Shown]] = {}
    for rows in rounds:
        seen: dict[tuple[str, str], list[Shown]] = {}
        for item in rows:
            if item.type in ONCE:
                seen.setdefault((item.book, item.type), []).append(item)
        for (_, type_), repeated in seen.items():
            if len(repeated) > 1:
                found.setdefault(type_, repeated)
    return found


def _judged(
    step: TraceStep,
    steps: Sequence[TraceStep],
    firsts: Mapping[str, tuple[int, Shown]],
    again: Mapping[str, Sequence[Shown]],
) -> TraceStep:
    if repeated := again.get(step.type):
        last = repeated[-1]
        at = getattr(last, "created_at", None)
        log_id = last.id if last.book == "log" else step.log_id
        shown = replace(step.step, state=StepState.DUPLICATE, at=at, due=None)
        return replace(step, step=shown, log_id=log_id, times=len(repeated))
    here = firsts.get(step.type)
    if here is None or step.step.state is StepState.FAILED:
        return step
    late = [other for other in _before(step, steps) if _comes_after(other, here[0], firsts)]
    if not late:
        return step
    at = getattr(here[1], "created_at", None)
    shown = replace(step.step, state=StepState.IMPOSSIBLE_ORDER, at=at, due=None)
    return replace(step, step=shown, log_id=here[1].id, against=late[0].step.key)


def _before(step: TraceStep, steps: Sequence[TraceStep]) -> list[TraceStep]:
    """The steps that must come before this one; on the auto route the request is written after the sending."""
    order = next((order for order in ORDERS if step.step.key in order), ())
    earlier = order[: order.index(step.step.key)] if order else ()
    is_auto = any(other.type == "PAYOUT_REQUEST_STRIPE_CREATION" for other in steps)
    left_out = {StepKey.REQUEST} if is_auto else set()
    return [other for other in steps if other.step.key in earlier and other.step.key not in left_out]


def _comes_after(other: TraceStep, place: int, firsts: Mapping[str, tuple[int, Shown]]) -> bool:
    """Whether a step that must have come before `place` came after it, or is still waited for."""
    if other.type in firsts:
        return firsts[other.type][0] > place
    return other.step.state in WAITS
