"""A creator's Stripe account: made once, completed on Stripe's own pages, validated by an admin."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from portal.audit.actor import Actor
from portal.audit.system_log import log_admin_action, log_creator_action, log_error
from portal.domain.accounts import update_account
from portal.domain.errors import CreatorRefused, NotFound
from portal.domain.gateway import ConnectedAccount, StripeFailure, StripeGateway
from portal.domain.own_affairs import EVENT, record_own
from portal.domain.patience import patiently
from portal.domain.payouts.facts import lock_creator
from portal.domain.standing import FORBIDDEN
from portal.domain.work import UnitOfWork
from portal.models import Creator, LogActor

COUNTRIES = {"EUR": "FR", "CHF": "CH", "GBP": "GB", "JPY": "JP", "HUF": "HU", "USD": "US"}
"""Where a creator paid in a currency is taken to live, until Stripe's pages ask."""


def begin_onboarding(
    work: UnitOfWork, gateway: StripeGateway, *, creator_id: UUID, return_url: str, refresh_url: str
) -> str:
    """The address of Stripe's onboarding; makes the account first where none is usable. Raises CreatorRefused."""
    with work() as session:
        creator = _creator(session, creator_id)
        known, email, currency = creator.stripe_account_id, creator.email, creator.currency
    try:
        account = _usable(gateway, known) or _create(work, gateway, creator_id, known, email, currency)
        address = gateway.create_account_link(account, return_url=return_url, refresh_url=refresh_url)
    except StripeFailure as failure:
        facts = {"creatorId": creator_id, "stripeAccountId": known, **failure.facts()}
        log_error("STRIPE_API_ERROR", LogActor.SYSTEM, None, creator_id, facts)
        message = "Stripe n’a pas répondu comme attendu : réessayez dans un instant."
        raise CreatorRefused(message, event="STRIPE_API_ERROR", status=502) from failure
    facts = {"creatorId": creator_id, "stripeAccountId": account}
    log_creator_action("CREATOR_ONBOARDING_STARTED", creator_id, metadata=facts)
    return address


def _creator(session: Session, creator_id: UUID) -> Creator:
    creator = lock_creator(session, creator_id)
    if creator is None:
        raise NotFound("Ce créateur n’existe pas.", event="CREATOR_ONBOARDING_STARTED")
    return creator


def _usable(gateway: StripeGateway, account: str | None) -> str | None:
    """The account, unless it has left the platform."""
    if account is None:
        return None
    try:
        return gateway.retrieve_account(account).id
    except StripeFailure as failure:
        if failure.http_status != FORBIDDEN:
            raise
        return None


def _create(
    work: UnitOfWork, gateway: StripeGateway, creator_id: UUID, previous: str | None, email: str, currency: str
) -> str:
    """A new account under a key of its place: two tabs, or a crash, make one. Its payouts are ours to start."""
    params = {
        "type": "express",
        "country": COUNTRIES.get(currency, "FR"),
        "default_currency": currency.lower(),
        "email": email,
        "capabilities": {"card_payments": {"requested": True}, "transfers": {"requested": True}},
        "settings": {"payouts": {"schedule": {"interval": "manual"}}},
        "metadata": {"creator_id": str(creator_id)},
    }
    key = f"cs-ac:{creator_id}:{previous or 'first'}"
    account = patiently(lambda: gateway.create_account(params, key))
    with work() as session:
        creator = _creator(session, creator_id)
        if creator.stripe_account_id == previous:
            _connect(session, creator, account)
        return creator.stripe_account_id or account.id


def _connect(session: Session, creator: Creator, account: ConnectedAccount) -> None:
    previous, creator.stripe_account_id = creator.stripe_account_id, account.id
    session.flush()
    facts = {"creatorId": creator.id, "stripeAccountId": account.id, "previousAccountId": previous}
    log_creator_action("CREATOR_STRIPE_ACCOUNT_CREATED", creator.id, metadata=facts, session=session)
    update_account(session, account)


def refresh_account(work: UnitOfWork, gateway: StripeGateway, *, creator_id: UUID) -> ConnectedAccount | None:
    """Read the account again, as after the onboarding; None when there is none or Stripe does not answer."""
    with work() as session:
        known = _creator(session, creator_id).stripe_account_id
    if known is None:
        return None
    try:
        account = gateway.retrieve_account(known)
    except StripeFailure as failure:
        facts = {"creatorId": creator_id, "stripeAccountId": known, **failure.facts()}
        log_error("STRIPE_API_ERROR", LogActor.SYSTEM, None, creator_id, facts)
        return None
    with work() as session:
        update_account(session, account)
    return account


def validate_creator(session: Session, *, creator_id: UUID, actor: Actor, now: datetime) -> Creator:
    """An admin has looked at a creator whose account Stripe has accepted. Raises NotFound or CreatorRefused."""
    creator = lock_creator(session, creator_id)
    if creator is None:
        missing = {"creatorId": creator_id, "adminId": actor.id, "error": "creator_not_found"}
        log_error("CREATOR_VALIDATION_REFUSED", LogActor.ADMIN, None, actor.id, missing)
        raise NotFound("Ce créateur n’existe pas.", event="CREATOR_VALIDATION_REFUSED")
    if creator.user_id == actor.user_id:
        record_own(actor, "creators.validate", {"creatorId": creator.id})
        message = "On ne valide pas son propre compte de créateur : un autre administrateur doit le faire."
        raise CreatorRefused(message, event=EVENT, status=403)
    if creator.validated_at is not None:
        message = "Le compte de %(name)s est déjà validé."
        raise _refused(creator, actor, "already_validated", message)
    if not (creator.charges_enabled and creator.payouts_enabled):
        message = "Stripe n’a pas encore accepté le compte de %(name)s : rien à valider."
        raise _refused(creator, actor, "account_not_ready", message)
    creator.validated_at = now
    facts: dict[str, Any] = {"creatorId": creator.id, "creatorName": creator.name}
    facts |= {"stripeAccountId": creator.stripe_account_id, "validatedBy": actor.id, "validatedAt": now}
    log_admin_action("CREATOR_ACCOUNT_VALIDATED", actor.id, metadata=facts, session=session)
    return creator


def _refused(creator: Creator, actor: Actor, error: str, message: str) -> CreatorRefused:
    facts: dict[str, Any] = {"creatorId": creator.id, "adminId": actor.id, "error": error}
    log_error("CREATOR_VALIDATION_REFUSED", LogActor.ADMIN, None, actor.id, facts)
    event = "CREATOR_VALIDATION_REFUSED"
    return CreatorRefused(message, event=event, facts=facts, words={"name": creator.name})
