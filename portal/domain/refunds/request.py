"""Asking for a refund: checked on the locked payment and stored with its key, before anything is sent."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.actor import Actor
from portal.audit.system_log import log_error, log_info
from portal.audit.transaction_log import log_refund
from portal.domain.errors import NotFound, RefundRefused
from portal.domain.money import AmountInvalid, parse_minor
from portal.domain.own_affairs import EVENT, record_own
from portal.domain.reason import REASON_LENGTHS, REASON_WANTED, clean_reason, is_reason
from portal.domain.refunds.facts import amount_of, left_minor, lock_payment, parties_of, refund_facts
from portal.models import Dispute, Payment, PaymentStatus, Refund, RefundStatus, TransactionEventType, uuid7
from portal.models.currency import to_decimal

REFUSAL = "REFUND_VALIDATION_ERROR"
REFUNDABLE = ("won", "prevented", "warning_needs_response", "warning_under_review", "warning_closed")
"""Disputes that stop no refund: decided for us, or inquiries, which a refund ends. Source: Stripe, Inquiries."""


def request_refund(
    session: Session,
    *,
    payment_id: UUID,
    reason: str,
    actor: Actor,
    now: datetime,
    amount: str | None = None,
    form_token: str | None = None,
) -> Refund:
    """Store a refund of `amount`, a decimal amount as typed, or of all that is left; it is sent afterwards.

    The same `form_token` of a payment gives the same refund. Raises NotFound or RefundRefused.
    """
    payment = lock_payment(session, payment_id)
    if payment is None:
        log_error(REFUSAL, actor.kind, None, actor.id, _by(actor, payment_id) | {"error": "payment_not_found"})
        raise NotFound("Ce paiement n’existe pas.", event=REFUSAL)
    _refuse_own(session, payment, actor)
    token = None if form_token is None else _stored_token(payment_id, actor, form_token)
    before = _by_token(session, token)
    if before is not None:
        return before
    reason = clean_reason(reason)
    if not is_reason(reason):
        raise _refused(payment, actor, "invalid_reason", REASON_WANTED, words=REASON_LENGTHS)
    left = _refundable(session, payment, actor)
    minor = left if amount is None else _parsed(payment, actor, amount, left)
    return _store(session, payment, minor, reason, actor, token, now)


def _refuse_own(session: Session, payment: Payment, actor: Actor) -> None:
    """An admin who bought or sold the call leaves its money to another. Raises RefundRefused."""
    if actor.user_id not in parties_of(session, payment):
        return
    record_own(actor, "payments.refund", {"paymentId": payment.id, "bookingId": payment.booking_id})
    message = "On ne rembourse pas sa propre vente ni son propre achat : un autre administrateur doit le faire."
    raise RefundRefused(message, event=EVENT, status=403)


def _stored_token(payment_id: UUID, actor: Actor, form_token: str) -> str:
    """A token names a refund of one payment, asked for by people or by a rule; it may be any text."""
    whole = f"{payment_id}:{actor.kind}:{form_token}"
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()


def _by_token(session: Session, token: str | None) -> Refund | None:
    return None if token is None else session.scalar(select(Refund).where(Refund.form_token == token))


def _refundable(session: Session, payment: Payment, actor: Actor) -> int:
    """Minor units that may still be given back. Raises RefundRefused."""
    if payment.status not in {PaymentStatus.SUCCEEDED, PaymentStatus.REFUNDED}:
        message = "Ce paiement n’a pas abouti : il n’y a rien à rembourser."
        raise _refused(payment, actor, "payment_not_succeeded", message, status=409)
    if payment.stripe_payment_intent_id is None:
        message = "L’identifiant de ce paiement chez Stripe n’est pas connu : remboursez-le dans Stripe."
        raise _refused(payment, actor, "unknown_intent", message, status=409)
    disputed = select(Dispute.id).where(Dispute.payment_id == payment.id, Dispute.status.not_in(REFUNDABLE))
    if session.scalar(disputed.limit(1)) is not None:
        message = "Ce paiement est en litige : la banque du client décide, Stripe refuse tout remboursement."
        raise _refused(payment, actor, "payment_disputed", message, status=409)
    left = left_minor(session, payment)
    if left <= 0:
        message = "Ce paiement est déjà entièrement remboursé."
        raise _refused(payment, actor, "already_refunded", message, status=409)
    return left


def _parsed(payment: Payment, actor: Actor, amount: str, left: int) -> int:
    try:
        minor = parse_minor(amount, payment.currency)
    except AmountInvalid as error:
        raise _refused(payment, actor, "invalid_amount", error.message, words=error.words) from error
    if minor <= 0:
        raise _refused(payment, actor, "invalid_amount", "Le montant doit être supérieur à zéro.")
    if minor > left:
        message = "Il reste %(left)s %(currency)s à rembourser au plus."
        words = {"left": to_decimal(left, payment.currency), "currency": payment.currency}
        raise _refused(payment, actor, "amount_too_large", message, words=words)
    return minor


def _store(
    session: Session,
    payment: Payment,
    minor: int,
    reason: str,
    actor: Actor,
    token: str | None,
    now: datetime,
) -> Refund:
    refund_id = uuid7()
    refund = Refund(
        id=refund_id,
        payment_id=payment.id,
        amount_minor=minor,
        currency=payment.currency,
        reason=reason,
        status=RefundStatus.PENDING,
        initiated_by=actor.user_id,
        idempotency_key=f"cs-re:{refund_id}",
        params=_params(payment, refund_id, minor),
        form_token=token,
        next_send_at=now,
    )
    session.add(refund)
    session.flush()
    _log_initiated(session, refund, payment, actor)
    return refund


def _params(payment: Payment, refund_id: UUID, minor: int) -> dict[str, Any]:
    """The creator gives back the share, the platform its fee: nobody keeps money of a call that is refunded."""
    fee_back = {"refund_application_fee": True} if payment.platform_fee_minor else {}  # Stripe refuses it without
    return {
        "payment_intent": payment.stripe_payment_intent_id,
        "amount": minor,
        "reason": "requested_by_customer",
        "reverse_transfer": True,
        **fee_back,
        "metadata": {
            "refund_id": str(refund_id),
            "payment_id": str(payment.id),
            "booking_id": str(payment.booking_id),
        },
    }


def _log_initiated(session: Session, refund: Refund, payment: Payment, actor: Actor) -> None:
    facts = refund_facts(session, refund, payment) | {"reason": refund.reason, "adminId": actor.id}
    log_info("REFUND_INITIATED", actor.kind, None, actor.id, facts, session=session)
    log_refund(
        TransactionEventType.REFUND_CREATED,
        refund_id=refund.id,
        payment_id=payment.id,
        amount=amount_of(refund),
        currency=refund.currency,
        status=refund.status,
        reason=refund.reason,
        metadata={"bookingId": payment.booking_id, "creatorId": facts["creatorId"]},
        actor=actor,
        session=session,
    )


def _refused(
    payment: Payment,
    actor: Actor,
    error: str,
    message: str,
    *,
    status: int = 422,
    words: Mapping[str, object] | None = None,
) -> RefundRefused:
    """Record the refusal apart and return what to raise."""
    facts = _by(actor, payment.id) | {"error": error, "bookingId": payment.booking_id}
    log_error(REFUSAL, actor.kind, None, actor.id, facts)
    return RefundRefused(message, event=REFUSAL, status=status, facts={"error": error}, words=words)


def _by(actor: Actor, payment_id: UUID) -> dict[str, Any]:
    return {"paymentId": payment_id, "adminId": actor.id}
