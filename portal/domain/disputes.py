"""Disputes as Stripe shows them: opened, answered, money held back and given back, closed."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.system_log import log_info, log_warning
from portal.audit.transaction_log import log_dispute
from portal.domain.gateway import StripeDispute
from portal.domain.refunds.facts import lock_payment_by_intent, seller_of
from portal.domain.unmatched import log_unmatched
from portal.models import Dispute, LogActor, Payment, TransactionEventType, uuid7
from portal.models.currency import to_decimal

CLOSED = ("won", "lost", "warning_closed", "prevented")


def settle_dispute(
    session: Session, seen: StripeDispute, *, stripe_event_id: str | None, now: datetime
) -> UUID | None:
    """Apply the state that Stripe shows; the dispute's id, or None when its payment is none of ours.

    `seen` must have been read from Stripe. Whatever event comes first opens the dispute, and what it shows
    already is told once: events come unordered and twice.
    """
    payment = lock_payment_by_intent(session, seen.payment_intent)
    if payment is None:
        log_unmatched(session, "dispute", seen.id, seen.payment_intent)
        return None
    dispute = session.scalar(
        select(Dispute)
        .where(Dispute.stripe_dispute_id == seen.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    story = _Story(session, payment, stripe_event_id)
    dispute = dispute or _open(story, seen)
    _hold_back(story, dispute, seen)
    _move(story, dispute, seen, now)
    return dispute.id


class _Story:
    """One event's rows about one dispute, in both books."""

    def __init__(self, session: Session, payment: Payment, stripe_event_id: str | None) -> None:
        self.session = session
        self.payment = payment
        self.stripe_event_id = stripe_event_id

    def facts(self, dispute: Dispute) -> dict[str, Any]:
        """disputeId and what it is about."""
        return {
            "disputeId": dispute.id,
            "stripeDisputeId": dispute.stripe_dispute_id,
            "paymentId": self.payment.id,
            "bookingId": self.payment.booking_id,
            "creatorId": seller_of(self.session, self.payment),
            "amount": to_decimal(dispute.amount_minor, dispute.currency),
            "currency": dispute.currency,
        }

    def tell(self, type: str, dispute: Dispute, facts: dict[str, Any], *, warning: bool = False) -> None:
        """One row of `log`."""
        log = log_warning if warning else log_info
        log(type, LogActor.SYSTEM, None, None, self.facts(dispute) | facts, session=self.session)

    def enter(self, event: TransactionEventType, dispute: Dispute, metadata: dict[str, Any] | None = None) -> None:
        """One row of the book of money."""
        log_dispute(
            event,
            dispute_id=dispute.id,
            amount=to_decimal(dispute.amount_minor, dispute.currency),
            currency=dispute.currency,
            status=dispute.status,
            stripe_dispute_id=dispute.stripe_dispute_id,
            reason=dispute.reason,
            metadata=metadata,
            payment_id=self.payment.id,
            stripe_event_id=self.stripe_event_id,
            session=self.session,
        )


def _open(story: _Story, seen: StripeDispute) -> Dispute:
    dispute = Dispute(
        id=uuid7(),
        payment_id=story.payment.id,
        stripe_dispute_id=seen.id,
        amount_minor=seen.amount_minor,
        currency=seen.currency,
        reason=seen.reason,
        status="needs_response",
        evidence_due_at=seen.evidence_due_at,
        withdrawn_minor=0,
    )
    story.session.add(dispute)
    story.session.flush()
    facts = {"reason": dispute.reason, "evidenceDueBy": dispute.evidence_due_at}
    story.tell("DISPUTE_OPENED", dispute, facts, warning=True)
    story.enter(TransactionEventType.DISPUTE_CREATED, dispute)
    return dispute


def _hold_back(story: _Story, dispute: Dispute, seen: StripeDispute) -> None:
    """What Stripe takes from the platform's balance until the bank has decided."""
    moved = seen.withdrawn_minor - dispute.withdrawn_minor
    if moved == 0:
        return
    dispute.withdrawn_minor = seen.withdrawn_minor
    amount: Decimal = to_decimal(abs(moved), dispute.currency)
    if moved > 0:
        story.tell("DISPUTE_FUNDS_WITHDRAWN", dispute, {"withdrawn": amount}, warning=True)
        story.enter(TransactionEventType.DISPUTE_UPDATED, dispute, {"withdrawn": amount})
    else:
        story.tell("DISPUTE_FUNDS_REINSTATED", dispute, {"reinstated": amount})
        story.enter(TransactionEventType.DISPUTE_UPDATED, dispute, {"reinstated": amount})


def _move(story: _Story, dispute: Dispute, seen: StripeDispute, now: datetime) -> None:
    previous, due = dispute.status, dispute.evidence_due_at
    dispute.status, dispute.evidence_due_at = seen.status, seen.evidence_due_at
    if seen.status in CLOSED:
        if dispute.closed_at is None:
            dispute.closed_at = now
            story.tell("DISPUTE_CLOSED", dispute, {"status": seen.status, "previousStatus": previous})
            story.enter(TransactionEventType.DISPUTE_CLOSED, dispute)
        return
    if (previous, due) != (seen.status, seen.evidence_due_at):
        facts = {"previousStatus": previous, "newStatus": seen.status, "evidenceDueBy": seen.evidence_due_at}
        story.tell("DISPUTE_UPDATED", dispute, facts)
        story.enter(TransactionEventType.DISPUTE_UPDATED, dispute, facts)
