"""An event of Stripe's, as far as the portal looks into it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn
from uuid import UUID

from portal.models import StripeEvent

NAME = re.compile(r"[\w.:-]{1,80}", re.ASCII)
ACCOUNT = re.compile(r"\w{1,64}", re.ASCII)
OLDEST, NEWEST = 946_684_800, 4_102_444_800
"""Seconds of the years 2000 to 2100: another moment is no moment of Stripe's."""


SALE = {"booking_id": "bookingId", "payment_id": "paymentId"}
OURS: Mapping[str, Mapping[str, str]] = {
    "payout": {"payout_id": "payoutId"},
    "payment_intent": SALE,
    "charge": SALE,
    "refund": {"refund_id": "refundId", **SALE},
}
"""The metadata that our own objects carry at Stripe, and what audit rows call it."""


class NotAnEvent(Exception):
    """A signed body that lacks what every event has, or spells it impossibly; says what."""


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
        return _name(self.object, "object", "data.object.object")

    @property
    def object_id(self) -> str | None:
        """Stripe's id of what the event is about."""
        return _name(self.object, "id", "data.object.id")

    @property
    def subject(self) -> str:
        """What no two events may change at once: an account, a payment and what becomes of it, or the object."""
        if self.type.startswith("account."):
            return self.account or self.object_id or self.id
        intent = self.object.get("payment_intent")
        whole = intent if isinstance(intent, str) and NAME.fullmatch(intent) else None
        return whole or self.object_id or self.id

    @property
    def named(self) -> dict[str, UUID]:
        """What of ours the event is about, by the metadata that we gave Stripe."""
        metadata = self.object.get("metadata")
        if not isinstance(metadata, Mapping):
            return {}
        keys = OURS.get(self.object_type or "", {})
        found = {name: _uuid(metadata.get(key)) for key, name in keys.items()}
        return {name: value for name, value in found.items() if value is not None}

    def facts(self) -> dict[str, Any]:
        """eventId, eventType and what it is about, for an audit row."""
        facts: dict[str, Any] = {"eventId": self.id, "eventType": self.type, "livemode": self.livemode}
        if self.account is not None:
            facts["stripeAccountId"] = self.account
        facts |= self.named
        if "payoutId" in self.named:
            facts["stripePayoutId"] = self.object_id
        return facts


def event_from(content: Mapping[str, Any]) -> Event:
    """The event in a body that was verified. Raises NotAnEvent."""
    if content.get("object") != "event":
        raise NotAnEvent("object is not event")
    if not isinstance(content.get("livemode"), bool):
        raise NotAnEvent("livemode")
    data = content.get("data")
    held = data.get("object") if isinstance(data, Mapping) else None
    event = Event(
        id=_needed(content, "id"),
        type=_needed(content, "type"),
        account=_account(content.get("account")),
        livemode=content["livemode"],
        api_version=_version(content.get("api_version")),
        created_at=_moment(content.get("created")),
        object=held if isinstance(held, Mapping) else {},
    )
    _ = event.object_id, event.object_type  # an object whose name cannot be kept is no object of Stripe's
    return event


def stored_event(row: StripeEvent) -> Event:
    """The event in a stored body. Raises NotAnEvent."""
    return event_from(json.loads(row.payload))


def _uuid(value: object) -> UUID | None:
    try:
        return UUID(str(value))
    except ValueError:
        return None


def _needed(content: Mapping[str, Any], key: str) -> str:
    return _name(content, key, key) or _refuse(key)


def _name(content: Mapping[str, Any], key: str, path: str) -> str | None:
    """An id or a word as Stripe spells them; never cut, because a part of an id is another id."""
    value = content.get(key)
    if value is None:
        return None
    return value if isinstance(value, str) and NAME.fullmatch(value) else _refuse(path)


def _account(value: object) -> str | None:
    if value is None:
        return None
    return value if isinstance(value, str) and ACCOUNT.fullmatch(value) else _refuse("account")


def _version(value: object) -> str | None:
    """A label to show: whatever it holds, it stops no event."""
    return value[:40] if isinstance(value, str) and value.isascii() and value.isprintable() else None


def _moment(value: object) -> datetime:
    if not isinstance(value, int) or isinstance(value, bool) or not OLDEST <= value < NEWEST:
        raise NotAnEvent("created")
    return datetime.fromtimestamp(value, UTC)


def _refuse(path: str) -> NoReturn:
    raise NotAnEvent(path)
