"""What Stripe's events about refunds, disputes and transfers do: each is re-read, then applied."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal.audit.transaction_log import log_webhook
from portal.domain.disputes import settle_dispute
from portal.domain.gateway import StripeDispute, StripeGateway, StripeRefund, StripeTransfer
from portal.domain.refunds.settlement import Told, settle_refund
from portal.domain.transfers import settle_transfer
from portal.models import EntityType
from portal.models.currency import to_decimal
from portal.webhooks.event import Event
from portal.webhooks.handler import SOURCE, Handler


def _read_refund(gateway: StripeGateway, event: Event) -> StripeRefund:
    return gateway.retrieve_refund(event.object_id or "")


def _apply_refund(session: Session, event: Event, seen: StripeRefund, now: datetime) -> None:
    refund_id = settle_refund(session, seen, Told(SOURCE, event.id, now))
    _note(session, event, EntityType.REFUND, refund_id or seen.id, seen, {"stripeRefundId": seen.id})


def _read_dispute(gateway: StripeGateway, event: Event) -> StripeDispute:
    return gateway.retrieve_dispute(event.object_id or "")


def _apply_dispute(session: Session, event: Event, seen: StripeDispute, now: datetime) -> None:
    dispute_id = settle_dispute(session, seen, stripe_event_id=event.id, now=now)
    _note(session, event, EntityType.DISPUTE, dispute_id or seen.id, seen, {"stripeDisputeId": seen.id})


def _read_transfer(gateway: StripeGateway, event: Event) -> StripeTransfer:
    return gateway.retrieve_transfer(event.object_id or "")


def _apply_transfer(session: Session, event: Event, seen: StripeTransfer, now: datetime) -> None:  # noqa: ARG001 -- Handler
    transfer_id = settle_transfer(session, seen, stripe_event_id=event.id)
    facts = {"stripeTransferId": seen.id, "reversed": to_decimal(seen.reversed_minor, seen.currency)}
    _note(session, event, EntityType.TRANSFER, transfer_id or seen.id, seen, facts)


def _note(
    session: Session,
    event: Event,
    kind: EntityType,
    entity_id: Any,
    seen: StripeRefund | StripeDispute | StripeTransfer,
    facts: Mapping[str, Any],
) -> None:
    """That Stripe reported it, in the book of money."""
    status = None if isinstance(seen, StripeTransfer) else seen.status
    log_webhook(
        stripe_event_id=event.id,
        event_type=event.type,
        entity_type=kind,
        entity_id=entity_id,
        metadata={**facts, "stripeStatus": status, "paymentIntentId": seen.payment_intent},
        session=session,
    )


_REFUND = Handler(_read_refund, _apply_refund)
_DISPUTE = Handler(_read_dispute, _apply_dispute)
_TRANSFER = Handler(_read_transfer, _apply_transfer)

HANDLERS = {
    "refund.created": _REFUND,
    "refund.updated": _REFUND,
    "refund.failed": _REFUND,
    "charge.dispute.created": _DISPUTE,
    "charge.dispute.updated": _DISPUTE,
    "charge.dispute.funds_withdrawn": _DISPUTE,
    "charge.dispute.funds_reinstated": _DISPUTE,
    "charge.dispute.closed": _DISPUTE,
    "transfer.created": _TRANSFER,
    "transfer.updated": _TRANSFER,
    "transfer.reversed": _TRANSFER,
}
