"""The specification's financial logger: the functions that write `transaction_log`.

Amounts are decimal amounts of their currency, as in the specification; the book stores minor units.
With `session` the row joins that transaction; without it the row is written apart and its id returned.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from portal.audit.actor import SYSTEM, Actor
from portal.audit.system_log import error_facts
from portal.audit.writer import transaction_row, write
from portal.models import EntityType, TransactionEventType
from portal.models.currency import to_minor

Amount = Decimal | float | int | str
Identifier = UUID | str
Metadata = Mapping[str, Any] | None
_OWNER = {EntityType.PAYMENT: "payment_id", EntityType.PAYOUT: "payout_id", EntityType.REFUND: "refund_id"}


def log_transaction(
    *,
    event_type: TransactionEventType,
    entity_type: EntityType,
    entity_id: Identifier,
    amount: Amount | None = None,
    currency: str | None = None,
    status: str | None = None,
    metadata: Metadata = None,
    stripe_event_id: str | None = None,
    error_message: str | None = None,
    actor: Actor = SYSTEM,
    session: Session | None = None,
    **owners: Identifier | None,
) -> int | None:
    """Record a financial event; `owners` are payment_id, payout_id and refund_id beside the entity's own."""
    if entity_type in _OWNER:
        owners = {_OWNER[entity_type]: entity_id, **owners}
    row = transaction_row(
        dict(metadata or {}),
        error_message,
        event_type=event_type,
        entity_type=entity_type,
        entity_id=str(entity_id),
        amount_minor=None if amount is None or currency is None else to_minor(amount, currency),
        currency=None if amount is None or currency is None else currency.upper(),
        status=status,
        stripe_event_id=stripe_event_id,
        actor=actor.kind,
        actor_id=actor.id,
        **{name: None if value is None else str(value) for name, value in _all_owners(owners).items()},
    )
    return write(row, session)


def _all_owners(owners: Mapping[str, Identifier | None]) -> dict[str, Identifier | None]:
    return {"payment_id": None, "payout_id": None, "refund_id": None, **owners}


def log_payment(
    event_type: TransactionEventType,
    *,
    payment_id: Identifier,
    amount: Amount,
    currency: str,
    status: str,
    stripe_payment_intent_id: str | None = None,
    metadata: Metadata = None,
    **rest: Any,
) -> int | None:
    """Record what happened to a payment."""
    facts = {"stripePaymentIntentId": stripe_payment_intent_id, **(metadata or {})}
    return log_transaction(
        event_type=event_type,
        entity_type=EntityType.PAYMENT,
        entity_id=payment_id,
        amount=amount,
        currency=currency,
        status=status,
        metadata=facts,
        **rest,
    )


def log_payout(
    event_type: TransactionEventType,
    *,
    payout_id: Identifier,
    creator_id: Identifier,
    amount: Amount,
    currency: str,
    status: str,
    stripe_payout_id: str | None = None,
    metadata: Metadata = None,
    **rest: Any,
) -> int | None:
    """Record what happened to a payout."""
    facts = {"creatorId": creator_id, "stripePayoutId": stripe_payout_id, **(metadata or {})}
    return log_transaction(
        event_type=event_type,
        entity_type=EntityType.PAYOUT,
        entity_id=payout_id,
        amount=amount,
        currency=currency,
        status=status,
        metadata=facts,
        **rest,
    )


def log_refund(
    event_type: TransactionEventType,
    *,
    refund_id: Identifier,
    payment_id: Identifier,
    amount: Amount,
    currency: str,
    status: str,
    stripe_refund_id: str | None = None,
    reason: str | None = None,
    metadata: Metadata = None,
    **rest: Any,
) -> int | None:
    """Record what happened to a refund."""
    facts = {"stripeRefundId": stripe_refund_id, "reason": reason, **(metadata or {})}
    return log_transaction(
        event_type=event_type,
        entity_type=EntityType.REFUND,
        entity_id=refund_id,
        amount=amount,
        currency=currency,
        status=status,
        metadata=facts,
        payment_id=payment_id,
        **rest,
    )


def log_transfer(
    event_type: TransactionEventType,
    *,
    transfer_id: Identifier,
    amount: Amount,
    currency: str,
    status: str,
    stripe_transfer_id: str | None = None,
    metadata: Metadata = None,
    **rest: Any,
) -> int | None:
    """Record what happened to a transfer."""
    facts = {"stripeTransferId": stripe_transfer_id, **(metadata or {})}
    return log_transaction(
        event_type=event_type,
        entity_type=EntityType.TRANSFER,
        entity_id=transfer_id,
        amount=amount,
        currency=currency,
        status=status,
        metadata=facts,
        **rest,
    )


def log_dispute(
    event_type: TransactionEventType,
    *,
    dispute_id: Identifier,
    amount: Amount,
    currency: str,
    status: str,
    stripe_dispute_id: str | None = None,
    reason: str | None = None,
    metadata: Metadata = None,
    **rest: Any,
) -> int | None:
    """Record what happened to a dispute."""
    facts = {"stripeDisputeId": stripe_dispute_id, "reason": reason, **(metadata or {})}
    return log_transaction(
        event_type=event_type,
        entity_type=EntityType.DISPUTE,
        entity_id=dispute_id,
        amount=amount,
        currency=currency,
        status=status,
        metadata=facts,
        **rest,
    )


def log_webhook(
    *,
    stripe_event_id: str,
    event_type: str,
    entity_type: EntityType,
    entity_id: Identifier,
    metadata: Metadata = None,
    **rest: Any,
) -> int | None:
    """Record that Stripe reported `event_type` about an entity."""
    return log_transaction(
        event_type=TransactionEventType.WEBHOOK_RECEIVED,
        entity_type=entity_type,
        entity_id=entity_id,
        stripe_event_id=stripe_event_id,
        metadata={"eventType": event_type, **(metadata or {})},
        **rest,
    )


def log_error(
    event_type: TransactionEventType,
    entity_type: EntityType,
    entity_id: Identifier,
    error: BaseException | str,
    metadata: Metadata = None,
    **rest: Any,
) -> int | None:
    """Record a financial error with its stack trace."""
    return log_transaction(
        event_type=event_type,
        entity_type=entity_type,
        entity_id=entity_id,
        error_message=str(error),
        metadata={**error_facts(error), **(metadata or {})},
        **rest,
    )
