"""Receiving: verify, store the bytes, acknowledge. An event is stored once, whatever is delivered twice."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from portal.audit.actor import current_request_id
from portal.audit.system_log import log_error, log_info, log_warning
from portal.domain.gateway import SignatureInvalid, StripeGateway
from portal.models import InboxState, LogActor, StripeEvent
from portal.unit_of_work import unit_of_work
from portal.webhooks.event import Event, NotAnEvent, event_from
from portal.webhooks.repeats import log_repeat

MAX_BODY = 256 * 1024
INBOX = cast(Table, StripeEvent.__table__)
STORE = insert(INBOX).on_conflict_do_nothing().returning(INBOX.c.id)
"""Made once and compiled once: Stripe waits while this runs."""


class Endpoint(StrEnum):
    """The two addresses that Stripe calls, each with secrets of its own."""

    PLATFORM = "platform"
    CONNECT = "connect"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What arrived at an endpoint, with that endpoint's secrets: two while one replaces the other."""

    body: bytes
    signature: str | None
    secrets: Sequence[str]
    endpoint: Endpoint
    ip_address: str | None


class DeliveryRefused(Exception):
    """A delivery that Stripe did not make, or that is no event: nothing is stored."""


class InboxUnavailable(Exception):
    """Nothing can be stored now: the delivery must be made again."""


def receive(gateway: StripeGateway, delivery: Delivery, *, now: datetime) -> Event:
    """Store a signed event; when this returns it is committed. Raises DeliveryRefused, InboxUnavailable."""
    try:
        return _receive(gateway, delivery, now)
    except SQLAlchemyError as error:
        raise InboxUnavailable(type(error).__name__) from error


def _receive(gateway: StripeGateway, delivery: Delivery, now: datetime) -> Event:
    started = time.monotonic()
    if not delivery.signature:
        facts = {"headersPresent": False, "ipAddress": delivery.ip_address}
        log_warning("WEBHOOK_NO_SIGNATURE", LogActor.SYSTEM, None, None, facts)
        raise DeliveryRefused("Stripe-Signature is missing")
    event = _verified(gateway, delivery, delivery.signature, started, now)
    with unit_of_work() as session:
        _store(session, event, delivery, _since(started), now)
    return event


def _verified(gateway: StripeGateway, delivery: Delivery, signature: str, started: float, now: datetime) -> Event:
    try:
        return event_from(gateway.verify_event(delivery.body, signature, delivery.secrets, now))
    except (SignatureInvalid, NotAnEvent) as error:
        told = f"Body is not an event: {error}" if isinstance(error, NotAnEvent) else str(error)
        facts = {
            "verificationTimeMs": _since(started),
            "errorMessage": told[:300],
            "signatureProvided": True,
            "ipAddress": delivery.ip_address,
        }
        log_error("WEBHOOK_SIGNATURE_VERIFICATION_FAILED", LogActor.SYSTEM, None, None, facts)
        what = "body is not an event" if isinstance(error, NotAnEvent) else "signature verification failed"
        raise DeliveryRefused(what) from error


def _store(session: Session, event: Event, delivery: Delivery, verified_ms: int, now: datetime) -> None:
    row = inbox_row(event, delivery.body, now)
    if session.connection().scalar(STORE, row) is None:
        log_repeat(session, event, delivery.body)
        return
    facts = event.facts()
    timing = {"verificationTimeMs": verified_ms, "signaturePresent": True}
    log_info("WEBHOOK_SIGNATURE_VERIFIED", LogActor.SYSTEM, None, None, facts | timing, session=session)
    version = {"apiVersion": event.api_version}
    log_info("WEBHOOK_RECEIVED", LogActor.SYSTEM, None, None, facts | version, session=session)
    if (event.account is not None) != (delivery.endpoint is Endpoint.CONNECT):
        _log_wrong_endpoint(session, facts, delivery.endpoint)


def _log_wrong_endpoint(session: Session, facts: dict[str, Any], endpoint: Endpoint) -> None:
    """Stripe signed it, so it counts; whoever set the endpoints up should know that they are crossed."""
    expected = Endpoint.PLATFORM if endpoint is Endpoint.CONNECT else Endpoint.CONNECT
    told = facts | {"endpoint": endpoint, "expectedEndpoint": expected}
    log_warning("WEBHOOK_WRONG_ENDPOINT", LogActor.SYSTEM, None, None, told, session=session)


def inbox_row(event: Event, body: bytes, now: datetime) -> dict[str, Any]:
    """The values of a new row of the inbox, to be processed at once."""
    return {
        "id": event.id,
        "type": event.type,
        "account": event.account,
        "object_type": event.object_type,
        "object_id": event.object_id,
        "subject": event.subject,
        "livemode": event.livemode,
        "api_version": event.api_version,
        "payload": body,
        "request_id": current_request_id(),
        "stripe_created_at": event.created_at,
        "received_at": now,
        "state": InboxState.RECEIVED,
        "next_try_at": now,
    }


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
