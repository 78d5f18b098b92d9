"""Transfers of creators' shares as Stripe shows them: made with the charge, taken back with a refund."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.system_log import log_info, log_warning
from portal.audit.transaction_log import log_transfer
from portal.domain.gateway import StripeTransfer
from portal.domain.refunds.facts import lock_payment_by_intent, seller_of
from portal.domain.unmatched import log_unmatched
from portal.models import LogActor, Payment, TransactionEventType, Transfer, uuid7
from portal.models.currency import to_decimal


def settle_transfer(session: Session, seen: StripeTransfer, *, stripe_event_id: str | None) -> UUID | None:
    """Apply the state that Stripe shows; the transfer's id, or None when its payment is none of ours.

    `seen` must have been read from Stripe. What was taken back never becomes less: late readings are let go.
    """
    payment = lock_payment_by_intent(session, seen.payment_intent)
    if payment is None:
        log_unmatched(session, "transfer", seen.id, seen.payment_intent)
        return None
    transfer = session.scalar(
        select(Transfer).where(Transfer.stripe_transfer_id == seen.id).execution_options(populate_existing=True)
    )
    transfer = transfer or _record(session, payment, seen, stripe_event_id)
    if seen.reversed_minor > transfer.reversed_minor:
        _take_back(session, payment, transfer, seen)
    return transfer.id


def _record(session: Session, payment: Payment, seen: StripeTransfer, stripe_event_id: str | None) -> Transfer:
    transfer = Transfer(
        id=uuid7(),
        payment_id=payment.id,
        stripe_transfer_id=seen.id,
        amount_minor=seen.amount_minor,
        reversed_minor=0,
        currency=seen.currency,
    )
    session.add(transfer)
    session.flush()
    facts = _facts(session, payment, transfer) | {"stripeAccountId": seen.destination}
    log_info("TRANSFER_CREATED", LogActor.SYSTEM, None, None, facts, session=session)
    log_transfer(
        TransactionEventType.TRANSFER_CREATED,
        transfer_id=transfer.id,
        amount=to_decimal(transfer.amount_minor, transfer.currency),
        currency=transfer.currency,
        status="created",
        stripe_transfer_id=seen.id,
        metadata={"stripeAccountId": seen.destination, "creatorId": facts["creatorId"]},
        payment_id=payment.id,
        stripe_event_id=stripe_event_id,
        session=session,
    )
    return transfer


def _take_back(session: Session, payment: Payment, transfer: Transfer, seen: StripeTransfer) -> None:
    """The specification's book of money has no type for this: the webhook's own row there shows it."""
    taken = seen.reversed_minor - transfer.reversed_minor
    transfer.reversed_minor = seen.reversed_minor
    facts = _facts(session, payment, transfer) | {
        "reversed": to_decimal(taken, transfer.currency),
        "reversedInAll": to_decimal(seen.reversed_minor, transfer.currency),
    }
    log_warning("TRANSFER_REVERSED", LogActor.SYSTEM, None, None, facts, session=session)


def _facts(session: Session, payment: Payment, transfer: Transfer) -> dict[str, Any]:
    return {
        "transferId": transfer.id,
        "stripeTransferId": transfer.stripe_transfer_id,
        "paymentId": payment.id,
        "bookingId": payment.booking_id,
        "creatorId": seller_of(session, payment),
        "amount": to_decimal(transfer.amount_minor, transfer.currency),
        "currency": transfer.currency,
    }
