"""A delivery of an event that is stored already: the same again, or something else under its id."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ARRAY, Table, Text, any_, bindparam, select
from sqlalchemy.orm import Session

from portal.audit.system_log import log_critical, log_info
from portal.models import EventOrigin, LogActor, StripeEvent
from portal.webhooks.event import Event

INBOX = cast(Table, StripeEvent.__table__)
FIRSTS = select(INBOX.c.id, INBOX.c.received_at, INBOX.c.payload, INBOX.c.origin).where(
    INBOX.c.id == any_(bindparam("ids", type_=ARRAY(Text)))
)
"""Made once and compiled once: Stripe waits while this runs."""

COUNTED_BY_STRIPE = frozenset({"pending_webhooks"})
"""What Stripe itself changes between two deliveries of one event: how many are still to be made."""

OF_A_LISTED_EVENT = frozenset({"id", "type", "account", "livemode", "created"})
"""What a list and a delivery must agree on; each may show the object in the API version of its own."""


@dataclass(frozen=True, slots=True)
class FirstDelivery:
    """What is stored of an event."""

    received_at: datetime
    payload: bytes
    origin: EventOrigin


def first_deliveries(session: Session, ids: Collection[str]) -> dict[str, FirstDelivery]:
    """What is stored of these events."""
    if not ids:
        return {}
    rows = session.connection().execute(FIRSTS, {"ids": list(ids)})
    return {row.id: FirstDelivery(*row[1:]) for row in rows}


def log_repeat(session: Session, event: Event, body: bytes, first: FirstDelivery) -> None:
    """Record a second delivery; the first stays. It keeps the payout's id, so that the trace shows it."""
    differing = (
        [] if body == first.payload else _differing(json.loads(first.payload), json.loads(body), first.origin)
    )
    facts = event.facts() | {"firstReceivedAt": first.received_at}
    if differing:
        _log_conflict(session, facts, differing, first.payload, body)
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
