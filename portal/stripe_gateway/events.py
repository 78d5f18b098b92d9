"""Stripe's events: listed, and verified as they arrive."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import stripe

from portal.domain.gateway import SignatureInvalid
from portal.stripe_gateway.calls import Calls

TOLERANCE = timedelta(seconds=300)
LONGEST_SIGNATURE = 2048
"""Stripe's own header names a timestamp and, while a secret is rolled, two signatures: some 160 characters."""


class EventCalls(Calls):
    """Lists events and verifies deliveries."""

    def list_events(
        self, account: str | None, created_from: datetime, types: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Every event of these types since `created_from`, newest first; `account` None is the platform's own."""
        return list(self._every(self._client.v1.events.list, account, created_from, types=list(types)))

    def verify_event(self, body: bytes, signature: str, secrets: Sequence[str], now: datetime) -> dict[str, Any]:
        """The JSON object in a body that one of the secrets signed. Raises SignatureInvalid.

        A timestamp may lie five minutes in the past or in the future; an empty secret verifies nothing.
        """
        if len(signature) > LONGEST_SIGNATURE or not signature.isascii():
            raise SignatureInvalid("Signature header is too long, or not ASCII")
        try:
            text = body.decode()
            stamp = _verified_stamp(text, signature, [secret for secret in secrets if secret.strip()])
            if abs(stamp - int(now.timestamp())) > TOLERANCE.total_seconds():
                raise SignatureInvalid(f"Timestamp is more than five minutes off ({str(stamp)[:20]})")
            found = json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise SignatureInvalid(f"Body is not JSON: {type(error).__name__}") from error
        if not isinstance(found, dict):
            raise SignatureInvalid("Body is not a JSON object")
        return found


def _verified_stamp(text: str, header: str, secrets: Sequence[str]) -> int:
    """The timestamp of a header that one of the secrets signed."""
    refusal = "No webhook secret is configured"
    for secret in secrets:
        try:
            stripe.WebhookSignature.verify_header(text, header, secret)
        except (stripe.SignatureVerificationError, TypeError) as error:
            refusal = str(error)
        else:
            return int(next(part[2:] for part in header.split(",") if part.startswith("t=")))
    raise SignatureInvalid(refusal)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
