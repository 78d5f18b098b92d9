"""What Stripe's events about payment intents do: the intent, and a declined try, are re-read, then applied."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from portal.audit.transaction_log import log_webhook
from portal.domain.gateway import StripeCharge, StripeGateway, StripeIntent
from portal.domain.payments.settlement import Told, settle_decline, settle_intent
from portal.models import EntityType
from portal.webhooks.event import Event
from portal.webhooks.handler import Handler

CONFIRMED_VIA = "payment_intent_succeeded_webhook"
FAILED = "payment_intent.payment_failed"


@dataclass(frozen=True, slots=True)
class Seen:
    """An intent as Stripe shows it now, and the try that an event is about."""

    intent: StripeIntent
    charge: StripeCharge | None = None


def _read(gateway: StripeGateway, event: Event) -> Seen:
    return Seen(gateway.retrieve_intent(event.object_id or ""))


def _read_declined(gateway: StripeGateway, event: Event) -> Seen:
    """The try is named by the event and read from Stripe: the intent may have been paid since."""
    error = event.object.get("last_payment_error")
    charge = error.get("charge") if isinstance(error, Mapping) else None
    intent = gateway.retrieve_intent(event.object_id or "")
    return Seen(intent, gateway.retrieve_charge(charge) if isinstance(charge, str) else None)


def _apply(session: Session, event: Event, seen: Seen, now: datetime) -> None:
    told = Told(CONFIRMED_VIA, event.id, now)
    if event.type == FAILED:
        payment_id = settle_decline(session, seen.intent, seen.charge, told)
    else:
        payment_id = settle_intent(session, seen.intent, told)
    log_webhook(
        stripe_event_id=event.id,
        event_type=event.type,
        entity_type=EntityType.PAYMENT,
        entity_id=payment_id or seen.intent.id,
        metadata={"paymentIntentId": seen.intent.id, "stripeStatus": seen.intent.status},
        session=session,
    )


_INTENT = Handler(_read, _apply)

HANDLERS = {
    "payment_intent.succeeded": _INTENT,
    "payment_intent.canceled": _INTENT,
    FAILED: Handler(_read_declined, _apply),
}
