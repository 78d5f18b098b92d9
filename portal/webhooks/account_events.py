"""What Stripe's events about connected accounts do."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal.domain.accounts import update_account
from portal.domain.gateway import ConnectedAccount, StripeFailure, StripeGateway
from portal.webhooks.event import Event
from portal.webhooks.handler import Handler

FORBIDDEN = 403


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


_ACCOUNT = Handler(_read_account, _apply_account)

HANDLERS = {
    "account.updated": _ACCOUNT,
    "account.external_account.updated": _ACCOUNT,
    "account.application.deauthorized": _ACCOUNT,
}
