"""What Stripe says of a refund, re-read from Stripe: succeeded, failed, or failed after it had succeeded."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.system_log import log_critical, log_error, log_info, log_warning
from portal.audit.transaction_log import log_refund
from portal.domain.gateway import StripeRefund
from portal.domain.refunds.effect import fee_part
from portal.domain.refunds.facts import amount_of, lock_payment_by_intent, lock_refund, paid_status, refund_facts
from portal.domain.unmatched import log_unmatched
from portal.models import (
    LogActor,
    Payment,
    PaymentStatus,
    Refund,
    RefundStatus,
    TransactionEventType,
    uuid7,
)
from portal.models.currency import to_decimal

AFTER = {
    ("succeeded", RefundStatus.PENDING): RefundStatus.SUCCEEDED,
    ("failed", RefundStatus.PENDING): RefundStatus.FAILED,
    ("failed", RefundStatus.SUCCEEDED): RefundStatus.FAILED,
    ("canceled", RefundStatus.PENDING): RefundStatus.FAILED,
}
"""What Stripe's word means for the status a refund has; any other pair changes nothing."""

LONGEST_FAILURE = 120


@dataclass(frozen=True, slots=True)
class Told:
    """How a state came to be known, and when."""

    source: str
    stripe_event_id: str | None
    now: datetime


def settle_refund(session: Session, seen: StripeRefund, told: Told) -> UUID | None:
    """Apply the state that Stripe shows; the refund's id, or None when its payment is none of ours.

    `seen` must have been read from Stripe, not from an event. A refund made at Stripe by hand is recorded.
    """
    found = _find(session, seen)
    if found is None:
        return _record_foreign(session, seen, told)
    refund, payment = found
    if not _is_ours(refund, payment, seen):
        _alarm(session, refund, payment, seen)
        return refund.id
    if refund.status is RefundStatus.FAILED and refund.stripe_refund_id is None:
        _alarm(session, refund, payment, seen)  # given up, and there it is: money may have moved
        refund.status = RefundStatus.PENDING
    refund.stripe_refund_id = seen.id
    refund.next_send_at = refund.lease_until = None
    status = AFTER.get((seen.status, refund.status))
    if status is not None:
        finish_refund(session, refund, payment, status, seen.failure_reason or seen.status, told)
    return refund.id


def _find(session: Session, seen: StripeRefund) -> tuple[Refund, Payment] | None:
    by_id = session.scalar(select(Refund.id).where(Refund.stripe_refund_id == seen.id))
    refund_id = by_id or _named(seen)
    return None if refund_id is None else lock_refund(session, refund_id)


def _named(seen: StripeRefund) -> UUID | None:
    try:
        return UUID(seen.metadata.get("refund_id", ""))
    except ValueError:
        return None


def _is_ours(refund: Refund, payment: Payment, seen: StripeRefund) -> bool:
    mine = (refund.amount_minor, refund.currency, payment.stripe_payment_intent_id)
    known = refund.stripe_refund_id in {None, seen.id}
    return known and mine == (seen.amount_minor, seen.currency, seen.payment_intent)


def finish_refund(
    session: Session, refund: Refund, payment: Payment, status: RefundStatus, why: str, told: Told
) -> None:
    """Move a locked refund to its end; `why` is what a failed one failed of."""
    refund.status, refund.settled_at = status, told.now
    refund.next_send_at = refund.lease_until = None
    refund.failure_reason = why[:LONGEST_FAILURE] if status is RefundStatus.FAILED else None
    session.flush()
    if payment.status in {PaymentStatus.SUCCEEDED, PaymentStatus.REFUNDED}:  # else its success has yet to be told
        payment.status = paid_status(session, payment)
    _log_finished(session, refund, payment, told)


def _log_finished(session: Session, refund: Refund, payment: Payment, told: Told) -> None:
    facts = refund_facts(session, refund, payment)
    facts |= {"stripeRefundId": refund.stripe_refund_id, "source": told.source}
    if refund.status is RefundStatus.FAILED:
        facts |= {"failureReason": refund.failure_reason, "owedToCreator": _owed(refund, payment)}
        log_error("REFUND_FAILED", LogActor.SYSTEM, None, None, facts, session=session)
    else:
        log_info("REFUND_SUCCEEDED", LogActor.SYSTEM, None, None, facts, session=session)
    failed = refund.status is RefundStatus.FAILED
    log_refund(
        TransactionEventType.REFUND_FAILED if failed else TransactionEventType.REFUND_SUCCEEDED,
        refund_id=refund.id,
        payment_id=payment.id,
        amount=amount_of(refund),
        currency=refund.currency,
        status=refund.status,
        stripe_refund_id=refund.stripe_refund_id,
        reason=refund.reason,
        stripe_event_id=told.stripe_event_id,
        error_message=refund.failure_reason,
        session=session,
    )


def _owed(refund: Refund, payment: Payment) -> Decimal:
    """What a refund that Stripe had made took from the creator: a failure gives it to the platform, not back."""
    if refund.stripe_refund_id is None:
        return to_decimal(0, refund.currency)
    paid, fee = payment.amount_minor, payment.platform_fee_minor
    kept = refund.amount_minor - fee_part(refund.amount_minor, paid_minor=paid, fee_minor=fee)
    return to_decimal(kept, refund.currency)


def _record_foreign(session: Session, seen: StripeRefund, told: Told) -> UUID | None:
    """Somebody refunded at Stripe itself: what is left of the payment must count it."""
    payment = lock_payment_by_intent(session, seen.payment_intent)
    if payment is None:
        log_unmatched(session, "refund", seen.id, seen.payment_intent)
        return None
    refund = Refund(
        id=uuid7(),
        payment_id=payment.id,
        amount_minor=seen.amount_minor,
        currency=seen.currency,
        reason="Remboursement fait dans Stripe",
        status=RefundStatus.PENDING,
        stripe_refund_id=seen.id,
    )
    session.add(refund)
    session.flush()
    facts = refund_facts(session, refund, payment) | {"stripeRefundId": seen.id, "source": told.source}
    log_warning("REFUND_RECORDED", LogActor.SYSTEM, None, None, facts, session=session)
    status = AFTER.get((seen.status, refund.status))
    if status is not None:
        finish_refund(session, refund, payment, status, seen.failure_reason or seen.status, told)
    return refund.id


def _alarm(session: Session, refund: Refund, payment: Payment, seen: StripeRefund) -> None:
    """Stripe holds something else under our refund: a human must look."""
    facts = refund_facts(session, refund, payment) | {
        "stripeRefundId": seen.id,
        "knownStripeRefundId": refund.stripe_refund_id,
        "stripeAmount": to_decimal(seen.amount_minor, seen.currency),
        "stripeCurrency": seen.currency,
        "paymentIntentId": seen.payment_intent,
    }
    log_critical("REFUND_NEEDS_REVIEW", LogActor.SYSTEM, None, None, facts, session=session)
