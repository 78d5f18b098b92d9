"""What Stripe's events about payouts do."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal.audit.transaction_log import log_webhook
from portal.domain.gateway import StripeGateway
from portal.domain.payouts.settlement import settle_payout
from portal.models import EntityType
from portal.webhooks.event import Event
from portal.webhooks.handler import SOURCE, Handler


def _read_payout(gateway: StripeGateway, event: Event) -> Any:
    return gateway.retrieve_payout(event.account or "", event.object_id or "")


def _apply_payout(session: Session, event: Event, seen: Any, now: datetime) -> None:
    payout_id = settle_payout(session, seen, source=SOURCE, stripe_event_id=event.id, now=now)
    log_webhook(
        stripe_event_id=event.id,
        event_type=event.type,
        entity_type=EntityType.PAYOUT,
        entity_id=payout_id or seen.id,
        metadata={"stripePayoutId": seen.id, "stripeStatus": seen.status},
        session=session,
    )


_PAYOUT = Handler(_read_payout, _apply_payout)

HANDLERS = {
    "payout.created": _PAYOUT,
    "payout.updated": _PAYOUT,
    "payout.paid": _PAYOUT,
    "payout.failed": _PAYOUT,
    "payout.canceled": _PAYOUT,
}
