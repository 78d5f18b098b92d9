"""What each type of event does: read the present state from Stripe, then apply it in one transaction.

An event only says that something changed; what it says of money is never believed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal.audit.transaction_log import log_webhook
from portal.domain.accounts import update_account
from portal.domain.gateway import ConnectedAccount, StripeFailure, StripeGateway
from portal.domain.payouts.settlement import settle_payout
from portal.models import EntityType
from portal.webhooks.event import Event

SOURCE = "stripe_webhook"
FORBIDDEN = 403


@dataclass(frozen=True, slots=True)
class Handler:
    """`read` asks Stripe, outside any transaction; `apply` records what it answered."""

    read: Callable[[StripeGateway, Event], Any]
    apply: Callable[[Session, Event, Any, datetime], None]


def _read_payout(gateway: StripeGateway, event: Event) -> Any:
    return gateway.retrieve_payout(event.account or "", event.object_id or "")


def _apply_payout(session: Session, event: Event, seen: Any, now: datetime) -> None:
    payout_id = settle_payout(session, seen, source=SOURCE, stripe_event_id=event.id, now=now)
    log_webhook(
        stripe_event_id=event.id,
        event_type=event.type,
        entity_type=EntityType.PAYOUT,
        entity_id=payout_id or seen.id,
        metadata={"stripePayoutId": seen.id, "stripeStatus": seen.status},
        session=session,
    )


def _read_account(gateway: StripeGateway, event: Event) -> ConnectedAccount:
    """The account; one that has left the platform can only be refused, and allows nothing any more."""
    account = event.account or event.object_id or ""
    try:
        return gateway.retrieve_account(account)
    except StripeFailure as failure:
        if failure.http_status != FORBIDDEN:
            raise
        return ConnectedAccount(account, False, False, ("account.deauthorized",), "manual")


def _apply_account(session: Session, event: Event, seen: Any, now: datetime) -> None:  # noqa: ARG001 -- Handler
    update_account(session, seen)


_PAYOUT = Handler(_read_payout, _apply_payout)
_ACCOUNT = Handler(_read_account, _apply_account)

HANDLERS = {
    "payout.created": _PAYOUT,
    "payout.updated": _PAYOUT,
    "payout.paid": _PAYOUT,
    "payout.failed": _PAYOUT,
    "payout.canceled": _PAYOUT,
    "account.updated": _ACCOUNT,
    "account.external_account.updated": _ACCOUNT,
    "account.application.deauthorized": _ACCOUNT,
}
