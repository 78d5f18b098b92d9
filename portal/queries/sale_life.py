"""The expected steps of a booking, a payment, a refund and a dispute, from their rows alone."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from portal.models import Booking, BookingStatus, CallOffer, Dispute, Payment, PaymentStatus, Refund, RefundStatus
from portal.queries.payment_search import WENT_THROUGH
from portal.queries.payout_life import Step, StepState
from portal.queries.payout_search import UNSENT

UNPAID = "Unpaid"
"""How the reason of a booking begins that was not paid in time."""


class SaleKey(StrEnum):
    """The steps of what is sold; the last of a booking and of a payment only where they happened."""

    BOOKING = "booking"
    PAYMENT = "payment"
    PAID = "paid"
    CONFIRMATION = "confirmation"
    COMPLETION = "completion"
    CANCELLATION = "booking_cancellation"
    EXPIRY = "expiry"
    REFUND = "refund"
    REFUND_REQUEST = "refund_request"
    AT_STRIPE = "at_stripe"
    SETTLEMENT = "settlement"
    DISPUTE = "dispute"
    EVIDENCE = "evidence"
    CLOSING = "closing"


def is_expired(booking: Booking) -> bool:
    """Whether a booking ended because nobody paid."""
    return booking.status is BookingStatus.CANCELLED and (booking.end_reason or "").startswith(UNPAID)


def awaited(key: SaleKey, due: datetime | None, now: datetime) -> Step:
    """The step that is waited for: late when its moment is over."""
    return Step(key, StepState.OVERDUE if due and due < now else StepState.CURRENT, due=due)


def life_of_booking(
    booking: Booking, offer: CallOffer, payments: Sequence[Payment], refunds: Sequence[Refund], now: datetime
) -> list[Step]:
    """Booked, payment begun, paid, confirmed, held; or ended before, and the money given back."""
    paid = [payment for payment in payments if payment.status in WENT_THROUGH]
    steps = [Step(SaleKey.BOOKING, StepState.DONE, booking.created_at)]
    steps += [_begun(booking, payments, now), _paid(booking, payments, paid, now), _confirmed(booking, paid, now)]
    if booking.status is BookingStatus.CANCELLED:
        key = SaleKey.EXPIRY if is_expired(booking) else SaleKey.CANCELLATION
        steps.append(Step(key, StepState.FAILED, booking.ended_at))
        steps += [_given_back(booking, paid, refunds, now)] if paid else []
    else:
        steps.append(_held(booking, offer, now))
    return steps


def _begun(booking: Booking, payments: Sequence[Payment], now: datetime) -> Step:
    begun = [payment for payment in payments if payment.stripe_payment_intent_id]
    if begun:
        return Step(SaleKey.PAYMENT, StepState.DONE, begun[0].created_at)
    if booking.status is BookingStatus.PENDING:
        return awaited(SaleKey.PAYMENT, booking.expires_at, now)
    refused = booking.status is BookingStatus.CANCELLED and _is_failed(payments)
    return Step(SaleKey.PAYMENT, StepState.FAILED if refused else StepState.SKIPPED)


def _is_failed(payments: Sequence[Payment]) -> bool:
    return bool(payments) and payments[-1].status is PaymentStatus.FAILED


def _paid(booking: Booking, payments: Sequence[Payment], paid: Sequence[Payment], now: datetime) -> Step:
    if paid:
        return Step(SaleKey.PAID, StepState.DONE, paid[0].succeeded_at)
    begun = any(payment.stripe_payment_intent_id for payment in payments)
    if booking.status is BookingStatus.PENDING:
        return (
            awaited(SaleKey.PAID, booking.expires_at, now) if begun else Step(SaleKey.PAID, StepState.NOT_REACHED)
        )
    return Step(SaleKey.PAID, StepState.FAILED if begun and _is_failed(payments) else StepState.SKIPPED)


def _confirmed(booking: Booking, paid: Sequence[Payment], now: datetime) -> Step:
    if booking.confirmed_at or booking.status in {BookingStatus.CONFIRMED, BookingStatus.COMPLETED}:
        return Step(SaleKey.CONFIRMATION, StepState.DONE, booking.confirmed_at)
    if booking.status is BookingStatus.CANCELLED:
        return Step(SaleKey.CONFIRMATION, StepState.SKIPPED)
    if not paid:
        return Step(SaleKey.CONFIRMATION, StepState.NOT_REACHED)
    told = paid[0].succeeded_at
    return awaited(SaleKey.CONFIRMATION, told + UNSENT if told else None, now)


def _held(booking: Booking, offer: CallOffer, now: datetime) -> Step:
    if booking.status is BookingStatus.COMPLETED:
        return Step(SaleKey.COMPLETION, StepState.DONE, booking.ended_at)
    if booking.status is BookingStatus.PENDING:
        return Step(SaleKey.COMPLETION, StepState.NOT_REACHED)
    return awaited(SaleKey.COMPLETION, offer.starts_at + timedelta(minutes=offer.duration_minutes), now)


def _given_back(booking: Booking, paid: Sequence[Payment], refunds: Sequence[Refund], now: datetime) -> Step:
    """Money without a call is asked back at once: where it was not, that is late."""
    given = [refund for refund in refunds if refund.status is RefundStatus.SUCCEEDED]
    if given and sum(refund.amount_minor for refund in given) >= sum(payment.amount_minor for payment in paid):
        return Step(SaleKey.REFUND, StepState.DONE, given[-1].settled_at)
    if refunds and refunds[-1].status is not RefundStatus.SUCCEEDED:
        return _newest_refund(refunds)
    return awaited(SaleKey.REFUND, booking.ended_at, now)


def _newest_refund(refunds: Sequence[Refund]) -> Step:
    states = {RefundStatus.SUCCEEDED: StepState.DONE, RefundStatus.FAILED: StepState.FAILED}
    last = refunds[-1]
    return Step(SaleKey.REFUND, states.get(last.status, StepState.CURRENT), last.settled_at)


def life_of_payment(payment: Payment, booking: Booking, refunds: Sequence[Refund], now: datetime) -> list[Step]:
    """Begun, succeeded or failed; given back where that was asked."""
    steps = [_creation(payment), _success(payment, booking, now)]
    return steps + ([_newest_refund(refunds)] if refunds else [])


def _creation(payment: Payment) -> Step:
    """Begun is what Stripe knows of: until then the intent's creation is under way, refused or given up."""
    if payment.stripe_payment_intent_id:
        return Step(SaleKey.PAYMENT, StepState.DONE, payment.created_at)
    states = {PaymentStatus.FAILED: StepState.FAILED, PaymentStatus.CANCELED: StepState.SKIPPED}
    return Step(SaleKey.PAYMENT, states.get(payment.status, StepState.CURRENT))


def _success(payment: Payment, booking: Booking, now: datetime) -> Step:
    if payment.status in WENT_THROUGH:
        return Step(SaleKey.PAID, StepState.DONE, payment.succeeded_at)
    if payment.status is PaymentStatus.CANCELED or not payment.stripe_payment_intent_id:
        waits = payment.status is PaymentStatus.PENDING
        return Step(SaleKey.PAID, StepState.NOT_REACHED if waits else StepState.SKIPPED)
    if payment.status is PaymentStatus.FAILED:
        return Step(SaleKey.PAID, StepState.FAILED)
    return awaited(SaleKey.PAID, booking.expires_at, now)


def life_of_refund(refund: Refund, now: datetime) -> list[Step]:
    """Asked, at Stripe, settled."""
    steps = [Step(SaleKey.REFUND_REQUEST, StepState.DONE, refund.created_at)]
    return [*steps, _at_stripe(refund, now), _settled(refund)]


def _at_stripe(refund: Refund, now: datetime) -> Step:
    if refund.stripe_refund_id:
        return Step(SaleKey.AT_STRIPE, StepState.DONE, refund.first_sent_at)
    if refund.status is RefundStatus.FAILED:
        return Step(SaleKey.AT_STRIPE, StepState.FAILED, refund.settled_at)
    return awaited(SaleKey.AT_STRIPE, refund.created_at + UNSENT, now)


def _settled(refund: Refund) -> Step:
    if refund.status is RefundStatus.SUCCEEDED:
        return Step(SaleKey.SETTLEMENT, StepState.DONE, refund.settled_at)
    failed = refund.status is RefundStatus.FAILED
    if not refund.stripe_refund_id:
        return Step(SaleKey.SETTLEMENT, StepState.SKIPPED if failed else StepState.NOT_REACHED)
    return Step(SaleKey.SETTLEMENT, StepState.FAILED if failed else StepState.CURRENT, refund.settled_at)


def life_of_dispute(dispute: Dispute, answered: datetime | None, now: datetime) -> list[Step]:
    """Opened, evidence given in time, closed; `answered` is when the bank began to look at the evidence."""
    steps = [Step(SaleKey.DISPUTE, StepState.DONE, dispute.created_at)]
    return [*steps, _evidence(dispute, answered, now), _closed(dispute)]


def _evidence(dispute: Dispute, answered: datetime | None, now: datetime) -> Step:
    if answered or dispute.status.endswith("under_review"):
        return Step(SaleKey.EVIDENCE, StepState.DONE, answered)
    if dispute.closed_at:
        return Step(SaleKey.EVIDENCE, StepState.SKIPPED)
    return awaited(SaleKey.EVIDENCE, dispute.evidence_due_at, now)


def _closed(dispute: Dispute) -> Step:
    if dispute.closed_at:
        lost = dispute.status == "lost"
        return Step(SaleKey.CLOSING, StepState.FAILED if lost else StepState.DONE, dispute.closed_at)
    reviewed = dispute.status.endswith("under_review")
    return Step(SaleKey.CLOSING, StepState.CURRENT if reviewed else StepState.NOT_REACHED)
