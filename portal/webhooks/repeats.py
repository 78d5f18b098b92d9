"""A delivery of an event that is stored already: the same again, or something else under its id."""

import hashlib
import json
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.system_log import log_critical, log_info
from portal.models import EventOrigin, LogActor, StripeEvent
from portal.webhooks.event import Event

COUNTED_BY_STRIPE = frozenset({"pending_webhooks"})
"""What Stripe itself changes between two deliveries of one event: how many are still to be made."""

OF_A_LISTED_EVENT = frozenset({"id", "type", "account", "livemode", "created"})
"""What a list and a delivery must agree on; each may show the object in the API version of its own."""


def log_repeat(session: Session, event: Event, body: bytes) -> None:
    """Record a second delivery; the first stays. It keeps the payout's id, so that the trace shows it."""
    query = select(StripeEvent.received_at, StripeEvent.payload, StripeEvent.origin)
    received_at, first, origin = session.execute(query.where(StripeEvent.id == event.id)).one()
    differing = [] if body == first else _differing(json.loads(first), json.loads(body), origin)
    facts = event.facts() | {"firstReceivedAt": received_at}
    if differing:
        _log_conflict(session, facts, differing, first, body)
        return
    log_info("WEBHOOK_DUPLICATE", LogActor.SYSTEM, None, None, facts, session=session)


def _differing(first: dict[str, Any], other: dict[str, Any], origin: EventOrigin) -> list[str]:
    """The fields in which two bodies of one id do not say the same, whatever their spelling."""
    fields = (first.keys() | other.keys()) - COUNTED_BY_STRIPE
    if origin is EventOrigin.LIST:
        fields &= OF_A_LISTED_EVENT
    return sorted(field[:80] for field in fields if first.get(field) != other.get(field))


def _log_conflict(
    session: Session, facts: dict[str, Any], differing: list[str], first: bytes, other: bytes
) -> None:
    told = {"differing": differing[:20], "firstSha256": _digest(first), "otherSha256": _digest(other)}
    log_critical("WEBHOOK_CONFLICT", LogActor.SYSTEM, None, None, facts | told, session=session)


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
