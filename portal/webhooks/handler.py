"""What a handler is: Stripe's present state is read, then applied in one transaction.

An event only says that something changed; what it says of money is never believed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal.domain.gateway import StripeGateway
from portal.webhooks.event import Event

SOURCE = "stripe_webhook"


@dataclass(frozen=True, slots=True)
class Handler:
    """`read` asks Stripe, outside any transaction; `apply` records what it answered."""

    read: Callable[[StripeGateway, Event], Any]
    apply: Callable[[Session, Event, Any, datetime], None]
