"""An event of Stripe's, as far as the portal looks into it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from portal.models import StripeEvent


@dataclass(frozen=True, slots=True)
class Event:
    """One event; `account` is None for the platform's own."""

    id: str
    type: str
    account: str | None
    livemode: bool
    api_version: str | None
    created_at: datetime
    object: Mapping[str, Any]

    @property
    def object_type(self) -> str | None:
        """What the event is about, in Stripe's word, such as payout."""
        return _text(self.object.get("object"))

    @property
    def object_id(self) -> str | None:
        """Stripe's id of what the event is about."""
        return _text(self.object.get("id"))

    @property
    def payout_id(self) -> UUID | None:
        """The payout that the event is about, by our own metadata."""
        metadata = self.object.get("metadata")
        if self.object_type != "payout" or not isinstance(metadata, Mapping):
            return None
        try:
            return UUID(str(metadata.get("payout_id")))
        except ValueError:
            return None

    def facts(self) -> dict[str, Any]:
        """eventId, eventType and what it is about, for an audit row."""
        facts = {"eventId": self.id, "eventType": self.type, "livemode": self.livemode}
        if self.account is not None:
            facts["stripeAccountId"] = self.account
        if self.payout_id is not None:
            facts |= {"payoutId": self.payout_id, "stripePayoutId": self.object_id}
        return facts


def event_from(content: Mapping[str, Any]) -> Event:
    """The event in a body that was verified."""
    data = content.get("data")
    held = data.get("object") if isinstance(data, Mapping) else None
    created = content.get("created")
    return Event(
        id=content["id"][:80],
        type=content["type"][:80],
        account=_text(content.get("account")),
        livemode=content.get("livemode") is True,
        api_version=_text(content.get("api_version")),
        created_at=datetime.fromtimestamp(created if isinstance(created, int) else 0, UTC),
        object=held if isinstance(held, Mapping) else {},
    )


def stored_event(row: StripeEvent) -> Event:
    """The event in a stored body."""
    return event_from(json.loads(row.payload))


def _text(value: object) -> str | None:
    return value[:64] if isinstance(value, str) else None
