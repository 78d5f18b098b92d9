"""Events of creators' payouts: the payout as Stripe shows it now is applied to ours."""

from datetime import datetime

from sqlalchemy.orm import Session

from portal.audit.transaction_log import log_webhook
from portal.domain.gateway import StripeGateway, StripePayout
from portal.domain.payouts.settlement import settle_payout
from portal.models import EntityType
from portal.webhooks.event import Event
from portal.webhooks.handler import SOURCE, Handler, NotOurs


def _read(gateway: StripeGateway, event: Event) -> StripePayout:
    if event.account is None:
        raise NotOurs("a payout of the platform itself, to its own bank account")
    return gateway.retrieve_payout(event.account, event.object_id or "")


def _apply(session: Session, event: Event, seen: StripePayout, now: datetime) -> None:
    payout_id = settle_payout(session, seen, source=SOURCE, stripe_event_id=event.id, now=now)
    log_webhook(
        stripe_event_id=event.id,
        event_type=event.type,
        entity_type=EntityType.PAYOUT,
        entity_id=payout_id or seen.id,
        metadata={"stripePayoutId": seen.id, "stripeStatus": seen.status},
        session=session,
    )


_HANDLER = Handler(_read, _apply)

HANDLERS = {
    "payout.created": _HANDLER,
    "payout.updated": _HANDLER,
    "payout.paid": _HANDLER,
    "payout.failed": _HANDLER,
    "payout.canceled": _HANDLER,
}
