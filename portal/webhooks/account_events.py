"""Events of creators' Stripe accounts: what Stripe allows them now is kept beside the creator."""

from datetime import datetime

from sqlalchemy.orm import Session

from portal.domain.accounts import update_account
from portal.domain.gateway import ConnectedAccount, StripeFailure, StripeGateway
from portal.webhooks.event import Event
from portal.webhooks.handler import Handler

FORBIDDEN = 403


def _read(gateway: StripeGateway, event: Event) -> ConnectedAccount:
    """The account; one that has left the platform can only be refused, and allows nothing any more."""
    account = event.account or event.object_id or ""
    try:
        return gateway.retrieve_account(account)
    except StripeFailure as failure:
        if failure.http_status != FORBIDDEN:
            raise
        return ConnectedAccount(account, False, False, ("account.deauthorized",), "manual")


def _apply(session: Session, event: Event, seen: ConnectedAccount, now: datetime) -> None:  # noqa: ARG001 -- Handler
    update_account(session, seen)


_HANDLER = Handler(_read, _apply)

HANDLERS = {
    "account.updated": _HANDLER,
    "account.external_account.updated": _HANDLER,
    "account.application.deauthorized": _HANDLER,
}
