"""Stripe's events on their way through the inbox: the row, its bytes, and what receiving and processing log."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from portal.demo.rows import Facts, Operation
from portal.demo.world import API_VERSION, World, stamp
from portal.models import EntityType, InboxState, LogActor, TransactionEventType

SYSTEM = LogActor.SYSTEM
Handle = Callable[[Operation, str], None]
"""What processing does, told the operation and the event's id."""


def hear(
    world: World,
    type: str,
    thing: dict[str, Any],
    handle: Handle,
    *,
    at: datetime,
    account: str | None = None,
    failures: tuple[str, ...] = (),
) -> Facts:
    """An event that is received and processed, after as many failed tries as `failures` has stack traces."""
    op = world.operation(at)
    row = receive(world, op, type, thing, account)
    facts = event_facts(row, thing) | {"objectType": thing["object"]}
    received = row["received_at"]
    for stack in failures:
        _fail(op, row, facts, stack)
    op.wait(150, 1200)
    row["tries"] += 1
    op.log("WEBHOOK_PROCESSING_STARTED", SYSTEM, None, facts)
    took = op.wait(60, 420)
    handle(op, row["id"])
    row |= {"state": InboxState.PROCESSED, "processed_at": op.at, "next_try_at": None}
    timing = {"processingTimeMs": took, "totalTimeMs": round((op.at - received).total_seconds() * 1000)}
    done = {"provider": "STRIPE", "eventType": type, **facts, **timing}
    op.log("WEBHOOK_PROCESSING_SUCCESS", SYSTEM, None, done)
    if world.chance.yes(0.02):
        _repeat(world, row, thing)
    return row


def receive(world: World, op: Operation, type: str, thing: dict[str, Any], account: str | None) -> Facts:
    """Verify and store: the row of the inbox, still to process."""
    event_id = world.chance.stripe_id("evt")
    sent = op.at - timedelta(milliseconds=world.chance.whole(300, 1500))
    row: Facts = {"id": event_id, "type": type, "account": account, "object_type": thing["object"]}
    row |= {"object_id": thing.get("id"), "livemode": False, "api_version": API_VERSION}
    row |= {"subject": thing.get("payment_intent") or thing.get("id") or event_id}
    row |= {"payload": _body(event_id, type, thing, account, sent), "request_id": op.request_id}
    row |= {"stripe_created_at": sent, "received_at": op.at, "state": InboxState.RECEIVED, "processed_at": None}
    row |= {"next_try_at": None, "lease_until": None, "tries": 0, "last_error": None, "last_stack": None}
    facts = event_facts(row, thing)
    timing = {"verificationTimeMs": world.chance.whole(1, 6), "signaturePresent": True}
    op.log("WEBHOOK_SIGNATURE_VERIFIED", SYSTEM, None, facts | timing)
    op.log("WEBHOOK_RECEIVED", SYSTEM, None, facts | {"apiVersion": API_VERSION})
    return world.books.add("stripe_event", row)


def _body(event_id: str, type: str, thing: dict[str, Any], account: str | None, sent: datetime) -> bytes:
    content: Facts = {"id": event_id, "object": "event", **({"account": account} if account else {})}
    content |= {"api_version": API_VERSION, "created": stamp(sent), "data": {"object": thing}, "livemode": False}
    content |= {"pending_webhooks": 1, "request": {"id": None, "idempotency_key": None}, "type": type}
    return json.dumps(content, default=str).encode()


def event_facts(row: Facts, thing: dict[str, Any]) -> Facts:
    """What every row about an event says of it."""
    facts: Facts = {"eventId": row["id"], "eventType": row["type"], "livemode": False}
    if row["account"] is not None:
        facts["stripeAccountId"] = row["account"]
    payout_id = (thing.get("metadata") or {}).get("payout_id")
    if thing["object"] == "payout" and payout_id:
        facts |= {"payoutId": payout_id, "stripePayoutId": thing["id"]}
    return facts


def _fail(op: Operation, row: Facts, facts: Facts, stack: str) -> None:
    op.wait(300, 1100)
    row["tries"] += 1
    op.log("WEBHOOK_PROCESSING_STARTED", SYSTEM, None, facts)
    op.wait(80, 5200)
    error = stack.strip().splitlines()[-1]
    kind, _, message = error.partition(": ")
    row["last_error"], row["last_stack"] = error, stack
    told = {"errorType": kind.rpartition(".")[2], "errorMessage": message, "errorStack": stack}
    again = {"tries": row["tries"], "nextTryAt": op.at + timedelta(seconds=10)}
    failed = {"provider": "STRIPE", "eventType": row["type"], **facts, **told, **again}
    op.log("WEBHOOK_PROCESSING_FAILED", SYSTEM, None, failed)
    op.wait(10_000, 11_500)


def give_up(world: World, op: Operation, type: str, thing: dict[str, Any], stack: str, state: InboxState) -> None:
    """An event that no try could process: an admin decides, or has decided."""
    row = receive(world, op, type, thing, None)
    facts = event_facts(row, thing) | {"objectType": thing["object"]}
    for pause in (0, 60, 300, 1800, 7200, 21_600, 43_200, 0):
        _fail(op, row, facts, stack)
        op.at += timedelta(seconds=pause)
    row["state"] = state


def ignore(world: World, type: str, thing: dict[str, Any], *, at: datetime, account: str | None = None) -> None:
    """An event of a type that changes nothing."""
    op = world.operation(at)
    row = receive(world, op, type, thing, account)
    op.wait(150, 1200)
    facts = event_facts(row, thing) | {"objectType": thing["object"], "reason": "no handler for this type"}
    op.log("WEBHOOK_IGNORED", SYSTEM, None, facts)
    row |= {"state": InboxState.IGNORED, "processed_at": op.at, "tries": 1}


def _repeat(world: World, row: Facts, thing: dict[str, Any]) -> None:
    """Stripe delivers the same event once more."""
    op = world.operation(row["received_at"] + timedelta(seconds=world.chance.whole(4, 90)))
    if op.at < world.now:
        again = event_facts(row, thing) | {"firstReceivedAt": row["received_at"]}
        op.log("WEBHOOK_DUPLICATE", SYSTEM, None, again)


def note(op: Operation, event_id: str, type: str, entity: EntityType, entity_id: Any, metadata: Facts) -> None:
    """The money book's row that an event was processed."""
    said = {"eventType": type, **metadata}
    event = TransactionEventType.WEBHOOK_RECEIVED
    op.money(event, entity, entity_id, said, stripe_event_id=event_id)
