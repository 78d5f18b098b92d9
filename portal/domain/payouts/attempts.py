"""Attempts to create a payout at Stripe: key and parameters, frozen together when stored."""

from datetime import datetime

from sqlalchemy.orm import Session

from portal.models import AttemptState, Payout, PayoutAttempt, uuid7


def prepare_attempt(session: Session, payout: Payout, *, n: int, api_version: str, now: datetime) -> PayoutAttempt:
    """Store attempt `n` of the payout, ready to be claimed and sent."""
    attempt_id = uuid7()
    attempt = PayoutAttempt(
        id=attempt_id,
        payout_id=payout.id,
        n=n,
        idempotency_key=f"cs-po:{payout.id}:{n}",
        params={
            "amount": payout.amount_minor,
            "currency": payout.currency.lower(),
            "metadata": {"payout_id": str(payout.id), "attempt_id": str(attempt_id)},
        },
        api_version=api_version,
        state=AttemptState.PREPARED,
        next_send_at=now,
    )
    session.add(attempt)
    return attempt
