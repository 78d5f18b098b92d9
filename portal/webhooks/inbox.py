"""Receiving: verify, store the bytes, acknowledge. An event is stored once, whatever is delivered twice."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from portal.audit.actor import current_request_id
from portal.audit.system_log import log_error, log_info, log_warning
from portal.domain.gateway import SignatureInvalid, StripeGateway
from portal.models import InboxState, LogActor, StripeEvent
from portal.unit_of_work import unit_of_work
from portal.webhooks.event import Event, event_from

MAX_BODY = 256 * 1024


@dataclass(frozen=True, slots=True)
class Delivery:
    """What arrived at one of the two endpoints, with that endpoint's secret."""

    body: bytes
    signature: str | None
    secret: str
    ip_address: str | None


class DeliveryRefused(Exception):
    """A delivery that Stripe did not make, or that is no event: nothing is stored."""


def receive(gateway: StripeGateway, delivery: Delivery, *, now: datetime) -> Event:
    """Store a signed event; when this returns it is committed. Raises DeliveryRefused."""
    started = time.monotonic()
    if not delivery.signature:
        facts = {"headersPresent": False, "ipAddress": delivery.ip_address}
        log_warning("WEBHOOK_NO_SIGNATURE", LogActor.SYSTEM, None, None, facts)
        raise DeliveryRefused("Stripe-Signature is missing")
    event = _verified(gateway, delivery, delivery.signature, started, now)
    with unit_of_work() as session:
        _store(session, event, delivery.body, _since(started), now)
    return event


def _verified(gateway: StripeGateway, delivery: Delivery, signature: str, started: float, now: datetime) -> Event:
    try:
        return event_from(gateway.verify_event(delivery.body, signature, delivery.secret, now))
    except SignatureInvalid as error:
        facts = {
            "verificationTimeMs": _since(started),
            "errorMessage": str(error)[:300],
            "signatureProvided": True,
            "ipAddress": delivery.ip_address,
        }
        log_error("WEBHOOK_SIGNATURE_VERIFICATION_FAILED", LogActor.SYSTEM, None, None, facts)
        raise DeliveryRefused("signature verification failed") from error


def _store(session: Session, event: Event, body: bytes, verified_ms: int, now: datetime) -> None:
    row = inbox_row(event, body, now)
    statement = insert(StripeEvent).values(row).on_conflict_do_nothing().returning(StripeEvent.id)
    if session.scalar(statement) is None:
        _log_duplicate(session, event)
        return
    facts = event.facts()
    timing = {"verificationTimeMs": verified_ms, "signaturePresent": True}
    log_info("WEBHOOK_SIGNATURE_VERIFIED", LogActor.SYSTEM, None, None, facts | timing, session=session)
    version = {"apiVersion": event.api_version}
    log_info("WEBHOOK_RECEIVED", LogActor.SYSTEM, None, None, facts | version, session=session)


def inbox_row(event: Event, body: bytes, now: datetime) -> dict[str, Any]:
    """The values of a new row of the inbox, to be processed at once."""
    return {
        "id": event.id,
        "type": event.type,
        "account": event.account,
        "object_type": event.object_type,
        "object_id": event.object_id,
        "livemode": event.livemode,
        "api_version": event.api_version,
        "payload": body,
        "request_id": current_request_id(),
        "stripe_created_at": event.created_at,
        "received_at": now,
        "state": InboxState.RECEIVED,
        "next_try_at": now,
    }


def _log_duplicate(session: Session, event: Event) -> None:
    """A second delivery; it keeps the payout's id, so that the trace shows it."""
    first = session.scalar(select(StripeEvent.received_at).where(StripeEvent.id == event.id))
    facts = event.facts() | {"firstReceivedAt": first}
    log_info("WEBHOOK_DUPLICATE", LogActor.SYSTEM, None, None, facts, session=session)


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
