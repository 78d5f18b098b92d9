"""What Stripe's answer to a sent attempt means, recorded: T8 created, T9 refused, T10 lost, or unknown."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from portal.audit.system_log import (
    log_admin_action,
    log_critical,
    log_error,
    log_info,
    log_warning,
)
from portal.audit.transaction_log import log_error as log_transaction_error
from portal.domain.creators import hold_payouts
from portal.domain.gateway import StripeFailure, StripePayout, Verdict
from portal.domain.keys import next_sending
from portal.domain.payouts.facts import (
    amount_of,
    lock_newest_attempt,
    lock_payout,
    log_event,
    log_requested,
    moved,
    payout_facts,
)
from portal.models import (
    AttemptState,
    EntityType,
    LogActor,
    Payout,
    PayoutAttempt,
    PayoutRoute,
    PayoutStatus,
    TransactionEventType,
)

FIRST_CHECK = timedelta(hours=1)
ANOMALY = "Anomalie chez Stripe sur un payout : vérification en cours"
"""Why payouts are blocked when Stripe holds one that we cannot explain; creators read it."""
ADOPTS = (PayoutStatus.SUBMITTING, PayoutStatus.REVIEW, PayoutStatus.FAILED)


def record_created(
    session: Session, payout_id: UUID, created: StripePayout, *, cause: str | None, now: datetime
) -> None:
    """T8: Stripe has the payout. `cause` says how an answer that was missed came to be known."""
    locked = lock_payout(session, payout_id)
    attempt = lock_newest_attempt(session, payout_id)
    if locked is None or attempt is None:
        return
    payout, creator = locked
    if payout.stripe_payout_id == created.id:
        return
    if payout.status not in ADOPTS or not _is_ours(payout, attempt, created):
        _alarm(session, payout, attempt, created, now)
        facts = {"payoutId": payout.id, "stripePayoutId": created.id}
        hold_payouts(session, creator, reason=ANOMALY, facts=facts, now=now)
        return
    _adopt(session, payout, attempt, created, cause=cause, now=now)


def _is_ours(payout: Payout, attempt: PayoutAttempt, created: StripePayout) -> bool:
    mine = (payout.amount_minor, payout.currency, payout.stripe_account_id, str(attempt.id))
    theirs = (created.amount_minor, created.currency, created.account, created.metadata.get("attempt_id"))
    return payout.stripe_payout_id is None and mine == theirs


def _adopt(
    session: Session,
    payout: Payout,
    attempt: PayoutAttempt,
    created: StripePayout,
    *,
    cause: str | None,
    now: datetime,
) -> None:
    previous = payout.move_to(PayoutStatus.PROCESSING, at=now)
    payout.stripe_payout_id = attempt.stripe_payout_id = created.id
    payout.arrival_at = created.arrival_at
    payout.next_check_at = now + FIRST_CHECK
    payout.failure_code = payout.failure_message = None
    attempt.state = AttemptState.CREATED
    attempt.lease_until = attempt.next_send_at = None
    _log_created(session, payout, created, previous, now)
    if cause is not None:
        facts = payout_facts(payout) | moved(payout, previous)
        facts |= {"stripePayoutId": created.id, "cause": cause}
        log_warning("PAYOUT_RECONCILED", LogActor.SYSTEM, None, payout.creator_id, facts, session=session)


def _log_created(
    session: Session, payout: Payout, created: StripePayout, previous: PayoutStatus, now: datetime
) -> None:
    """The creation's events in the order of the payout's route."""
    facts = payout_facts(payout) | {"stripePayoutId": created.id, "arrivalDate": created.arrival_at}
    if payout.route is PayoutRoute.AUTO:
        success = facts | {"status": created.status}
        type = "PAYOUT_REQUEST_STRIPE_CREATION_SUCCESS"
        log_info(type, LogActor.SYSTEM, None, payout.creator_id, success, session=session)
        log_requested(session, payout, processing_ms=_since(payout.created_at, now))
    log_event(session, payout, "PROCESSING", facts | moved(payout, previous))
    if payout.route is PayoutRoute.REVIEW:
        facts["processingTimeMs"] = _since(payout.decided_at, now)
        log_admin_action("PAYOUT_APPROVAL_SUCCESS", payout.decided_by, metadata=facts, session=session)


def record_failure(
    session: Session, payout_id: UUID, holder: UUID, failure: StripeFailure, *, of_creation: bool, now: datetime
) -> None:
    """T9 on a definite refusal of the creation; otherwise the attempt waits for its next turn, same key.

    A list that Stripe refuses to show says nothing of what was sent before.
    """
    locked = lock_payout(session, payout_id)
    attempt = lock_newest_attempt(session, payout_id)
    if locked is None or attempt is None or attempt.lease_holder != holder:
        return
    payout, _ = locked
    if attempt.state is not AttemptState.SENT or payout.status is not PayoutStatus.SUBMITTING:
        return
    _remember(attempt, failure)
    if of_creation and failure.verdict is Verdict.REFUSED:
        _refuse(session, payout, attempt, failure, now)
    else:
        _wait(session, payout, attempt, failure, now)


def _remember(attempt: PayoutAttempt, failure: StripeFailure) -> None:
    attempt.error_type = failure.type
    attempt.error_code = failure.code
    attempt.error_message = failure.message
    attempt.error_http_status = failure.http_status
    attempt.stripe_request_id = failure.stripe_request_id


def _refuse(
    session: Session, payout: Payout, attempt: PayoutAttempt, failure: StripeFailure, now: datetime
) -> None:
    previous = payout.move_to(PayoutStatus.FAILED, at=now)
    payout.failure_code = failure.code or failure.type
    payout.failure_message = failure.message
    payout.next_check_at = None
    attempt.state = AttemptState.REFUSED
    attempt.lease_until = attempt.next_send_at = None
    _log_refused(session, payout, failure)
    log_event(session, payout, "FAILED", moved(payout, previous) | failure_facts(payout, "stripe_api", now))
    log_money_failed(session, payout, failure)


def _log_refused(session: Session, payout: Payout, failure: StripeFailure) -> None:
    facts = payout_facts(payout) | {
        "stripeErrorType": failure.type,
        "stripeErrorCode": failure.code,
        "stripeErrorMessage": failure.message,
        "stripeRequestId": failure.stripe_request_id,
        "stripeAccountId": payout.stripe_account_id,
    }
    if payout.route is PayoutRoute.REVIEW:
        type, facts["adminId"] = "PAYOUT_APPROVAL_STRIPE_CREATION_ERROR", payout.decided_by
    else:
        type = "PAYOUT_REQUEST_STRIPE_CREATION_ERROR"
    log_error(type, LogActor.SYSTEM, None, payout.creator_id, facts, session=session)


def log_money_failed(session: Session, payout: Payout, error: BaseException | str, **rest: Any) -> None:
    """The failure in the book of money, with its amount."""
    log_transaction_error(
        TransactionEventType.PAYOUT_FAILED,
        EntityType.PAYOUT,
        payout.id,
        error,
        {"creatorId": payout.creator_id, "stripePayoutId": payout.stripe_payout_id},
        amount=amount_of(payout),
        currency=payout.currency,
        status=payout.status,
        session=session,
        **rest,
    )


def failure_facts(payout: Payout, source: str, now: datetime) -> dict[str, Any]:
    """What PAYOUT_FAILED and PAYOUT_RETURNED say of why."""
    return {
        "stripePayoutId": payout.stripe_payout_id,
        "failureCode": payout.failure_code,
        "failureMessage": payout.failure_message,
        "failedAt": now,
        "source": source,
    }


def _wait(session: Session, payout: Payout, attempt: PayoutAttempt, failure: StripeFailure, now: datetime) -> None:
    attempt.lease_until = None
    attempt.next_send_at = next_sending(now, attempt.send_count)
    facts = payout_facts(payout) | failure.facts()
    facts |= {"attemptId": attempt.id, "nextCheckAt": attempt.next_send_at}
    if failure.verdict is Verdict.RETRY:
        log_error("STRIPE_API_ERROR", LogActor.SYSTEM, None, payout.creator_id, facts, session=session)
    else:
        type = "PAYOUT_OUTCOME_UNKNOWN"
        log_warning(type, LogActor.SYSTEM, None, payout.creator_id, facts, session=session)


def record_lost(session: Session, payout_id: UUID, holder: UUID, *, now: datetime) -> None:
    """T10: the key is too old to send and the list shows nothing; a human decides."""
    locked = lock_payout(session, payout_id)
    attempt = lock_newest_attempt(session, payout_id)
    if locked is None or attempt is None or attempt.lease_holder != holder:
        return
    payout, _ = locked
    if payout.status is PayoutStatus.SUBMITTING:
        _hand_over(session, payout, attempt, now, facts={})


def _alarm(session: Session, payout: Payout, attempt: PayoutAttempt, created: StripePayout, now: datetime) -> None:
    """Stripe holds something else under our attempt: stop and call a human."""
    facts = {
        "stripePayoutId": created.id,
        "stripeAmountMinor": created.amount_minor,
        "stripeCurrency": created.currency,
        "stripeAccountId": created.account,
        "knownStripePayoutId": payout.stripe_payout_id,
    }
    _hand_over(session, payout, attempt, now, facts)


def _hand_over(
    session: Session, payout: Payout, attempt: PayoutAttempt, now: datetime, facts: dict[str, Any]
) -> None:
    known = payout_facts(payout) | {"attemptId": attempt.id, "firstSentAt": attempt.first_sent_at}
    if payout.status is PayoutStatus.SUBMITTING:
        known |= moved(payout, payout.move_to(PayoutStatus.REVIEW, at=now))
        attempt.state = AttemptState.ABANDONED
        attempt.lease_until = attempt.next_send_at = None
    type = "PAYOUT_NEEDS_REVIEW"
    log_critical(type, LogActor.SYSTEM, None, payout.creator_id, known | facts, session=session)


def _since(start: datetime | None, now: datetime) -> int:
    return 0 if start is None else round((now - start).total_seconds() * 1000)
