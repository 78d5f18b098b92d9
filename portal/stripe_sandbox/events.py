"""Events: one row and one delivery each, addressed to the platform's or to the connect endpoint."""

from enum import StrEnum
from typing import Any

from .listing import Query, page
from .objects import insert, load, new_id
from .refusals import Json, malformed, no_such
from .settings import API_VERSION
from .store import Work

REACH_SECONDS = 30 * 86_400


class Endpoint(StrEnum):
    """The two webhook endpoints of a platform."""

    PLATFORM = "platform"
    CONNECT = "connect"


def emit(work: Work, type_: str, body: Json, *, account: str = "", previous: Json | None = None) -> Json:
    """Record what happened and queue its webhook; a connected account's events carry `account`."""
    event: Json = {
        "id": new_id("evt"),
        "object": "event",
        **({"account": account} if account else {}),
        "api_version": API_VERSION,
        "created": work.timestamp,
        "data": {"object": body, **({"previous_attributes": previous} if previous is not None else {})},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": work.request_id, "idempotency_key": work.idempotency_key},
        "type": type_,
    }
    insert(work, event, account=account)
    now = work.now.timestamp()
    work.db.execute(
        "INSERT INTO delivery (event, endpoint, first_due_at, due_at) VALUES (?, ?, ?, ?)",
        (event["id"], Endpoint.CONNECT if account else Endpoint.PLATFORM, now, now),
    )
    return event


def changes(before: Json, after: Json) -> Json:
    """What an update changed, with the values of before: Stripe's previous_attributes."""
    return {key: before.get(key) for key in after if before.get(key) != after[key]}


def retrieve_event(work: Work, account: str, id_: str) -> Json:
    """One event of the last 30 days."""
    event = load(work, "event", id_, account=account)
    if event["created"] < work.timestamp - REACH_SECONDS:
        raise no_such("event", id_)
    return with_pending(work, event)


def list_events(work: Work, account: str, params: Json) -> Json:
    """Events of the last 30 days, by type, types, moment, or the fate of their webhooks."""
    query = Query("event", account)
    query.where("created >= ?", work.timestamp - REACH_SECONDS)
    filters: dict[str, Any] = dict(params)
    types = filters.pop("types", None)
    if types and "type" in filters:
        raise malformed("You may only specify one of these parameters: type, types.", param="types")
    if types:
        query.where(f"json_extract(body, '$.type') IN ({', '.join('?' * len(types))})", *types)
    if (wanted := filters.pop("type", None)) is not None:
        query.where("json_extract(body, '$.type') GLOB ?", wanted)
    if (delivered := filters.pop("delivery_success", None)) is not None:
        known = "SELECT event FROM delivery WHERE delivered_at IS NOT NULL"
        query.where(f"id {'IN' if delivered else 'NOT IN'} ({known})")
    listed = page(work, kind="event", account=account, params=filters, url="/v1/events", query=query)
    listed["data"] = [with_pending(work, event) for event in listed["data"]]
    return listed


def with_pending(work: Work, event: Json) -> Json:
    """The event with the number of endpoints that have not yet taken it."""
    row = work.db.execute(
        "SELECT COUNT(*) FROM delivery WHERE event = ? AND delivered_at IS NULL", (event["id"],)
    ).fetchone()
    return {**event, "pending_webhooks": int(row[0])}
