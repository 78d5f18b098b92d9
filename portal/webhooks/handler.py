"""What a handler of a type of event is, and what it may say instead of an answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal.domain.gateway import StripeGateway
from portal.webhooks.event import Event

SOURCE = "stripe_webhook"
"""How the books name what an event brought about."""


class NotOurs(Exception):
    """The event is about something that the portal does not keep: it is set aside, and the reason told."""


@dataclass(frozen=True, slots=True)
class Handler:
    """`read` asks Stripe, outside any transaction; `apply` records what it answered. Each may raise NotOurs."""

    read: Callable[[StripeGateway, Event], Any]
    apply: Callable[[Session, Event, Any, datetime], None]


Handlers = Mapping[str, Handler]
"""Handlers by the type of event."""
