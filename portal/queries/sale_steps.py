"""The steps of what is sold as a trace shows them: each with its event, and the row that shows it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import Booking, CallOffer, Dispute, Payment, Refund
from portal.queries.payout_life import Step, StepState, with_elapsed
from portal.queries.sale_life import SaleKey, life_of_booking, life_of_dispute, life_of_payment, life_of_refund
from portal.queries.sale_rows import payments_of, refunds_of
from portal.queries.trace_steps import Shown, TraceStep, last_of

EVENTS: Mapping[StrEnum, str] = {
    SaleKey.BOOKING: "BOOKING_CREATED",
    SaleKey.PAYMENT: "PAYMENT_INITIATED",
    SaleKey.PAID: "PAYMENT_SUCCEEDED",
    SaleKey.CONFIRMATION: "BOOKING_CONFIRMED",
    SaleKey.COMPLETION: "BOOKING_COMPLETED",
    SaleKey.CANCELLATION: "BOOKING_CANCELLED",
    SaleKey.EXPIRY: "BOOKING_EXPIRED",
    SaleKey.REFUND: "REFUND_SUCCEEDED",
    SaleKey.REFUND_REQUEST: "REFUND_INITIATED",
    SaleKey.AT_STRIPE: "refund.created",
    SaleKey.SETTLEMENT: "REFUND_SUCCEEDED",
    SaleKey.DISPUTE: "DISPUTE_OPENED",
    SaleKey.EVIDENCE: "DISPUTE_UPDATED",
    SaleKey.CLOSING: "DISPUTE_CLOSED",
}
FAILURES = {
    SaleKey.PAYMENT: "PAYMENT_INTENT_STRIPE_ERROR",
    SaleKey.PAID: "PAYMENT_FAILED",
    SaleKey.REFUND: "REFUND_FAILED",
    SaleKey.AT_STRIPE: "REFUND_FAILED",
    SaleKey.SETTLEMENT: "REFUND_FAILED",
}


def sale_steps(session: Session, entity: Any, items: Sequence[Shown], now: datetime) -> list[TraceStep]:
    """The steps of a booking, a payment, a refund or a dispute as they stand at `now`; none of anything else."""
    if isinstance(entity, Booking):
        return _of_booking(session, entity, items, now)
    if isinstance(entity, Payment):
        return _of_payment(session, entity, items, now)
    if isinstance(entity, Refund):
        return _of_refund(entity, items, now)
    return _of_dispute(entity, items, now) if isinstance(entity, Dispute) else []


def _of_booking(session: Session, booking: Booking, items: Sequence[Shown], now: datetime) -> list[TraceStep]:
    payments, refunds = payments_of(session, booking.id), refunds_of(session, booking.id)
    offer = session.get_one(CallOffer, booking.call_offer_id)
    notes = {
        SaleKey.PAID: _decline(payments),
        SaleKey.PAYMENT: _decline(payments),
        SaleKey.CANCELLATION: booking.end_reason,
        SaleKey.EXPIRY: booking.end_reason,
        SaleKey.REFUND: _refusal(refunds),
    }
    steps = life_of_booking(booking, offer, payments, refunds, now)
    return _all_shown(steps, items, notes)


def _of_payment(session: Session, payment: Payment, items: Sequence[Shown], now: datetime) -> list[TraceStep]:
    booking = session.get_one(Booking, payment.booking_id)
    query = select(Refund).where(Refund.payment_id == payment.id).order_by(Refund.created_at, Refund.id)
    refunds = session.scalars(query.execution_options(populate_existing=True)).all()
    decline = _decline([payment])
    notes = {SaleKey.PAYMENT: decline, SaleKey.PAID: decline, SaleKey.REFUND: _refusal(refunds)}
    steps = life_of_payment(payment, booking, refunds, now)
    return _all_shown(steps, items, notes)


def _of_refund(refund: Refund, items: Sequence[Shown], now: datetime) -> list[TraceStep]:
    recorded = last_of(items, "REFUND_RECORDED") is not None
    notes = dict.fromkeys((SaleKey.AT_STRIPE, SaleKey.SETTLEMENT), refund.failure_reason)
    steps = _all_shown(life_of_refund(refund, now), items, notes)
    asked = replace(steps[0], note=refund.reason)
    if recorded:
        asked = replace(asked, type="REFUND_RECORDED", log_id=_id_of(last_of(items, "REFUND_RECORDED")))
    return [asked, *steps[1:]]


def _of_dispute(dispute: Dispute, items: Sequence[Shown], now: datetime) -> list[TraceStep]:
    reviewed = [item for item in items if _is_review(item)]
    moment = getattr(reviewed[0], "created_at", None) if reviewed else None
    steps = _all_shown(life_of_dispute(dispute, moment, now), items, {})
    evidence = replace(steps[1], log_id=reviewed[0].id if reviewed else None)
    return [steps[0], evidence, replace(steps[2], note=dispute.status if dispute.closed_at else None)]


def _is_review(item: Shown) -> bool:
    is_update = item.book == "log" and item.type == "DISPUTE_UPDATED"
    return is_update and str(item.details.get("newStatus")).endswith("under_review")


def _all_shown(
    steps: Sequence[Step], items: Sequence[Shown], notes: Mapping[SaleKey, str | None]
) -> list[TraceStep]:
    """Every step with its row, which dates it where nothing else does."""
    dated = with_elapsed([_dated(step, items) for step in steps])
    return [_shown(step, items, notes.get(SaleKey(step.key))) for step in dated]


def _dated(step: Step, items: Sequence[Shown]) -> Step:
    return step if step.at else replace(step, at=getattr(_row_of(step, items), "created_at", None))


def _shown(step: Step, items: Sequence[Shown], note: str | None) -> TraceStep:
    """A step's notes are of its failure, or of a card to be replaced."""
    waits = step.state in {StepState.CURRENT, StepState.OVERDUE} and step.key in {SaleKey.PAYMENT, SaleKey.PAID}
    is_told = waits or step.state is StepState.FAILED
    return TraceStep(step, _type_of(step), None, _id_of(_row_of(step, items)), note if is_told else None)


def _type_of(step: Step) -> str:
    key = SaleKey(step.key)
    return FAILURES.get(key, EVENTS[key]) if step.state is StepState.FAILED else EVENTS[key]


def _row_of(step: Step, items: Sequence[Shown]) -> Shown | None:
    happened = step.state in {StepState.DONE, StepState.FAILED} and step.key != SaleKey.EVIDENCE
    return last_of(items, _type_of(step)) if happened else None


def _id_of(row: Shown | None) -> Any:
    return row.id if row else None


def _decline(payments: Sequence[Payment]) -> str | None:
    """Why the last payment failed."""
    last = payments[-1] if payments else None
    return (last.error_message or last.decline_code) if last and last.status == "FAILED" else None


def _refusal(refunds: Iterable[Refund]) -> str | None:
    return next((refund.failure_reason for refund in reversed(list(refunds))), None)
