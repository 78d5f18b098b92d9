"""Receiving: verify, store the bytes, acknowledge. An event is stored once, whatever is delivered twice."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from portal.audit.actor import current_request_id, operation
from portal.audit.system_log import log_error, log_info, log_warning
from portal.domain.gateway import SignatureInvalid, StripeGateway
from portal.models import InboxState, LogActor, StripeEvent
from portal.unit_of_work import unit_of_work
from portal.webhooks.event import Event, NotAnEvent, event_from
from portal.webhooks.repeats import first_deliveries, log_repeat
from portal.webhooks.together import Together, TurnBroken

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


@dataclass(frozen=True, slots=True)
class Arrival:
    """A verified delivery on its way into the inbox, and the request whose rows tell of it."""

    event: Event
    delivery: Delivery
    verified_ms: int
    now: datetime
    request_id: UUID

    @property
    def row(self) -> dict[str, Any]:
        """The inbox's row of it."""
        return inbox_row(self.event, self.delivery.body, self.now) | {"request_id": self.request_id}


class DeliveryRefused(Exception):
    """A delivery that Stripe did not make, or that is no event: nothing is stored."""


class InboxUnavailable(Exception):
    """Nothing can be stored now: the delivery must be made again."""


def receive(gateway: StripeGateway, delivery: Delivery, *, now: datetime) -> Event:
    """Store a signed event; when this returns it is committed. Raises DeliveryRefused, InboxUnavailable."""
    try:
        return _receive(gateway, delivery, now)
    except (SQLAlchemyError, TurnBroken) as error:
        raise InboxUnavailable(type(error).__name__) from error


def _receive(gateway: StripeGateway, delivery: Delivery, now: datetime) -> Event:
    started = time.monotonic()
    if not delivery.signature:
        facts = {"headersPresent": False, "ipAddress": delivery.ip_address}
        log_warning("WEBHOOK_NO_SIGNATURE", LogActor.SYSTEM, None, None, facts)
        raise DeliveryRefused("Stripe-Signature is missing")
    event = _verified(gateway, delivery, delivery.signature, started, now)
    TOGETHER.bring(Arrival(event, delivery, _since(started), now, current_request_id()))
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


def _store(arrivals: Sequence[Arrival]) -> None:
    """Keep them in one transaction, in the order of their ids: two processes never wait for each other's."""
    ordered = sorted(arrivals, key=lambda arrival: arrival.event.id)
    with unit_of_work() as session:
        new = set(session.connection().scalars(STORE, [arrival.row for arrival in _first_of_each(ordered)]))
        repeats = []
        for arrival in ordered:
            if arrival.event.id in new:
                new.remove(arrival.event.id)
                _log_stored(session, arrival)
            else:
                repeats.append(arrival)
        _log_repeats(session, repeats)


def _first_of_each(arrivals: Iterable[Arrival]) -> list[Arrival]:
    found: dict[str, Arrival] = {}
    for arrival in arrivals:
        found.setdefault(arrival.event.id, arrival)
    return list(found.values())


def _log_stored(session: Session, arrival: Arrival) -> None:
    event = arrival.event
    facts = event.facts()
    timing = {"verificationTimeMs": arrival.verified_ms, "signaturePresent": True}
    version = {"apiVersion": event.api_version}
    with operation(arrival.request_id):
        log_info("WEBHOOK_SIGNATURE_VERIFIED", LogActor.SYSTEM, None, None, facts | timing, session=session)
        log_info("WEBHOOK_RECEIVED", LogActor.SYSTEM, None, None, facts | version, session=session)
        if (event.account is not None) != (arrival.delivery.endpoint is Endpoint.CONNECT):
            _log_wrong_endpoint(session, facts, arrival.delivery.endpoint)


def _log_repeats(session: Session, repeats: Sequence[Arrival]) -> None:
    firsts = first_deliveries(session, {arrival.event.id for arrival in repeats})
    for arrival in repeats:
        with operation(arrival.request_id):
            log_repeat(session, arrival.event, arrival.delivery.body, firsts[arrival.event.id])


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


TOGETHER = Together(_store)
"""This process's turns at the inbox."""
