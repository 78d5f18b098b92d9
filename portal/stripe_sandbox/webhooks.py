"""Webhooks: signed as Stripe signs, tried again with a growing pause for three days, told to nobody else.

The signature carries the wall's time whatever the sandbox's clock says, because receivers check it
against the wall.
"""

import hashlib
import hmac
import http.client
import json
import random
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Collection
from dataclasses import dataclass
from threading import Lock
from typing import Any

from .events import Endpoint
from .objects import decoded
from .refusals import Json, no_such
from .settings import SandboxSettings
from .store import Store, Work

Post = Callable[[str, bytes, dict[str, str]], int]

PAUSES = (1, 5, 30, 300, 1800, 7200, 18_000, 36_000)
GIVE_UP_SECONDS = 3 * 86_400
TIMEOUT_SECONDS = 10
NEXT = "ORDER BY d.seq LIMIT 1000"
JOINED = "FROM delivery d JOIN object o ON o.id = d.event"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one endpoint."""

    seq: int
    event: Json
    endpoint: Endpoint
    tries: int


def signature(body: bytes, secret: str, *, at: int | None = None) -> str:
    """The Stripe-Signature header of a body."""
    moment = int(time.time()) if at is None else at
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


def due_deliveries(work: Work, endpoints: Collection[str]) -> list[Delivery]:
    """What should be posted to these endpoints now, oldest first."""
    marks = ", ".join("?" * len(endpoints))
    return _deliveries(work, f"due_at <= ? AND d.endpoint IN ({marks})", work.now.timestamp(), *endpoints)


def deliveries_of(work: Work, events: Collection[str]) -> list[Delivery]:
    """The deliveries of these events, delivered before or not, in the order given."""
    found = {}
    for id_ in events:
        rows = _deliveries(work, "event = ?", id_)
        if not rows:
            raise no_such("event", id_)
        found[id_] = rows[0]
    return [found[id_] for id_ in events]


def _deliveries(work: Work, condition: str, *values: float | str) -> list[Delivery]:
    rows = work.db.execute(
        f"SELECT d.seq, d.endpoint, d.tries, o.body {JOINED} WHERE {condition} {NEXT}",
        values,
    )
    return [Delivery(row["seq"], decoded(row["body"]), Endpoint(row["endpoint"]), row["tries"]) for row in rows]


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect is a failed delivery."""

    def redirect_request(self, *_: Any) -> None:
        """Follow nothing."""


class Postman:
    """Posts deliveries, outside any transaction: the receiver may call the sandbox back."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = Lock()
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirects)

    def deliver(
        self,
        post: Post | None = None,
        *,
        order: str = "created",
        copies: int = 1,
        events: Collection[str] | None = None,
        seed: int | None = None,
    ) -> list[Json]:
        """Post what is due, or these events whatever their fate; tells what became of each attempt.

        Orders: created, reversed, random.
        """
        with self._lock:
            with self._store.transaction() as work:
                reachable = [endpoint for endpoint in Endpoint if post or self._url(endpoint)]
                waiting = deliveries_of(work, events) if events is not None else due_deliveries(work, reachable)
            waiting = _ordered([item for item in waiting for _ in range(copies)], order, seed)
            return [self._attempt(item, post) for item in waiting if post or self._url(item.endpoint)]

    def _attempt(self, item: Delivery, post: Post | None) -> Json:
        body = json.dumps(item.event, indent=2).encode()
        headers = self._headers(item.endpoint, body)
        status, error = _posted(post or self._post_http, item.endpoint, body, headers)
        with self._store.transaction() as work:
            _record(work, item, status, error)
        return {
            "event": item.event["id"],
            "type": item.event["type"],
            "endpoint": item.endpoint,
            "status": status,
        }

    def _headers(self, endpoint: Endpoint, body: bytes) -> dict[str, str]:
        settings = self._store.settings
        platform = endpoint is Endpoint.PLATFORM
        secret = settings.platform_webhook_secret if platform else settings.connect_webhook_secret
        return {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": signature(body, secret),
        }

    def _url(self, endpoint: str) -> str | None:
        return url_of(self._store.settings, endpoint)

    def _post_http(self, endpoint: str, body: bytes, headers: dict[str, str]) -> int:
        request = urllib.request.Request(str(self._url(endpoint)), body, headers)  # noqa: S310  # a configured URL
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code


def url_of(settings: SandboxSettings, endpoint: str) -> str | None:
    """Where an endpoint's webhooks are posted."""
    platform = endpoint == Endpoint.PLATFORM
    return settings.platform_webhook_url if platform else settings.connect_webhook_url


def _ordered(waiting: list[Delivery], order: str, seed: int | None) -> list[Delivery]:
    if order not in ("created", "reversed", "random"):
        raise ValueError(f"unknown order: {order}")
    if order == "reversed":
        return waiting[::-1]
    if order == "random":
        random.Random(seed).shuffle(waiting)  # noqa: S311  # repeatable by its seed
    return waiting


def _posted(post: Post, endpoint: Endpoint, body: bytes, headers: dict[str, str]) -> tuple[int, str | None]:
    try:
        return post(endpoint, body, headers), None
    except (OSError, http.client.HTTPException) as error:
        return 0, f"{type(error).__name__}: {error}"


def _record(work: Work, item: Delivery, status: int, error: str | None) -> None:
    now = work.now.timestamp()
    if 200 <= status < 300:
        work.db.execute(
            "UPDATE delivery SET tries = tries + 1, delivered_at = COALESCE(delivered_at, ?), due_at = NULL,"
            " last_status = ?, last_error = NULL WHERE seq = ?",
            (now, status, item.seq),
        )
        return
    # a delivery that already succeeded, sent again on demand, is not tried again
    work.db.execute(
        "UPDATE delivery SET tries = tries + 1, last_status = ?, last_error = ?,"
        " due_at = CASE WHEN delivered_at IS NOT NULL OR ? - first_due_at >= ? THEN NULL ELSE ? END"
        " WHERE seq = ?",
        (status, error, now, GIVE_UP_SECONDS, now + PAUSES[min(item.tries, len(PAUSES) - 1)], item.seq),
    )


def list_deliveries(work: Work, *, pending_only: bool) -> list[Json]:
    """Every delivery and its fate."""
    rows = work.db.execute(
        "SELECT d.event, json_extract(o.body, '$.type') AS type, o.account, d.endpoint, d.tries, d.due_at,"
        " d.delivered_at, d.last_status, d.last_error FROM delivery d JOIN object o ON o.id = d.event"
        " WHERE ? = 0 OR d.due_at IS NOT NULL ORDER BY d.seq",
        (int(pending_only),),
    )
    return [dict(row) for row in rows]
