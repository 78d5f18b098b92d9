"""How a payout comes into being: T1 when an admin will decide, T2 within the automatic limit."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from portal.audit.actor import Actor
from portal.audit.transaction_log import log_payout
from portal.domain.payouts.attempts import prepare_attempt
from portal.domain.payouts.facts import amount_of, log_requested
from portal.models import Payout, PayoutRoute, PayoutSource, PayoutStatus, TransactionEventType, uuid7
from portal.models.currency import to_decimal


@dataclass(frozen=True, slots=True)
class Admission:
    """What was checked on the locked creator; amounts in minor units, `auto_limit` a decimal amount."""

    creator_id: UUID
    account_id: str
    amount_minor: int
    currency: str
    available_minor: int
    source: PayoutSource
    auto_limit: Decimal
    api_version: str
    now: datetime
    form_token: str | None = None
    period_key: str | None = None


def admit_payout(
    session: Session,
    admission: Admission,
    *,
    actor: Actor,
    processing_ms: int,
    facts: Mapping[str, Any] | None = None,
) -> Payout:
    """Insert the payout with its rows in both books; within the limit its first attempt is ready to be sent."""
    payout = _insert(session, admission)
    _log_created(session, payout, actor, facts)
    if payout.route is PayoutRoute.AUTO:
        prepare_attempt(session, payout, n=1, api_version=admission.api_version, now=admission.now)
    else:
        log_requested(session, payout, processing_ms=processing_ms)
    return payout


def _insert(session: Session, admission: Admission) -> Payout:
    automatic = to_decimal(admission.amount_minor, admission.currency) <= admission.auto_limit
    payout = Payout(
        id=uuid7(),
        creator_id=admission.creator_id,
        stripe_account_id=admission.account_id,
        amount_minor=admission.amount_minor,
        currency=admission.currency,
        route=PayoutRoute.AUTO if automatic else PayoutRoute.REVIEW,
        source=admission.source,
        form_token=admission.form_token,
        period_key=admission.period_key,
        status=PayoutStatus.APPROVED if automatic else PayoutStatus.REQUESTED,
        balance_before_minor=admission.available_minor,
        updated_at=admission.now,
    )
    session.add(payout)
    session.flush()
    return payout


def _log_created(session: Session, payout: Payout, actor: Actor, facts: Mapping[str, Any] | None) -> None:
    log_payout(
        TransactionEventType.PAYOUT_CREATED,
        payout_id=payout.id,
        creator_id=payout.creator_id,
        amount=amount_of(payout),
        currency=payout.currency,
        status=payout.status,
        metadata={"route": payout.route, "triggeredBy": payout.source, **(facts or {})},
        actor=actor,
        session=session,
    )
