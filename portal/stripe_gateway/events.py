"""Stripe's events: listed, and verified as they arrive."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import stripe

from portal.domain.gateway import SignatureInvalid
from portal.stripe_gateway.calls import Calls

TOLERANCE = timedelta(seconds=300)


class EventCalls(Calls):
    """Lists events and verifies deliveries."""

    def list_events(
        self, account: str | None, created_from: datetime, types: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Every event of these types since `created_from`, newest first; `account` None is the platform's own."""
        return list(self._every(self._client.v1.events.list, account, created_from, types=list(types)))

    def verify_event(self, body: bytes, signature: str, secret: str, now: datetime) -> dict[str, Any]:
        """The event in a signed body. Raises SignatureInvalid, also for a timestamp in the future."""
        try:
            header = signature.encode("ascii").decode()
            event = stripe.Webhook.construct_event(body, header, secret, tolerance=int(TOLERANCE.total_seconds()))
            stamp = int(next(part[2:] for part in header.split(",") if part.startswith("t=")))
            found: dict[str, Any] = event.to_dict()
        except _UNVERIFIABLE as error:
            raise SignatureInvalid(str(error) or type(error).__name__) from error
        if stamp - now.timestamp() > TOLERANCE.total_seconds():
            raise SignatureInvalid("Timestamp is in the future")
        if not isinstance(found.get("id"), str) or not isinstance(found.get("type"), str):
            raise SignatureInvalid("Body is not an event")
        return found


_UNVERIFIABLE = (
    stripe.SignatureVerificationError,
    ValueError,
    TypeError,
    AttributeError,
    KeyError,
    StopIteration,
    RecursionError,
)
