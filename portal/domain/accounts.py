"""What Stripe says of a creator's account, kept beside the creator."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.system_log import log_info, log_warning
from portal.domain.gateway import ConnectedAccount
from portal.domain.payouts.facts import lock_creator
from portal.models import Creator, LogActor


def update_account(session: Session, account: ConnectedAccount) -> UUID | None:
    """Keep what `account`, read from Stripe, allows; the creator's id, or None when it is nobody's."""
    creator_id = session.scalar(select(Creator.id).where(Creator.stripe_account_id == account.id))
    creator = None if creator_id is None else lock_creator(session, creator_id)
    if creator is None:
        return None
    facts = {"creatorId": creator.id, "stripeAccountId": account.id}
    creator.charges_enabled = account.charges_enabled
    creator.payouts_enabled = account.payouts_enabled
    _log_state(session, creator, account, facts)
    _log_schedule(session, creator, account, facts)
    for bank in account.bank_accounts:
        if bank.status == "errored":
            found = facts | {"status": bank.status, "last4": bank.last4, "currency": bank.currency}
            log_warning("CREATOR_BANK_ACCOUNT_ERRORED", LogActor.SYSTEM, None, creator.id, found, session=session)
    return creator.id


def _log_state(session: Session, creator: Creator, account: ConnectedAccount, facts: dict[str, Any]) -> None:
    state = facts | {
        "chargesEnabled": account.charges_enabled,
        "payoutsEnabled": account.payouts_enabled,
        "requirementsDue": account.requirements_due,
    }
    type = "CREATOR_STRIPE_ACCOUNT_UPDATED"
    log_info(type, LogActor.SYSTEM, None, creator.id, state, session=session)


def _log_schedule(session: Session, creator: Creator, account: ConnectedAccount, facts: dict[str, Any]) -> None:
    """Admins approve payouts in vain when Stripe pays the creator by itself."""
    changed = creator.stripe_schedule_interval != account.schedule_interval
    creator.stripe_schedule_interval = account.schedule_interval
    if changed and account.schedule_interval != "manual":
        type, found = "CREATOR_PAYOUT_SCHEDULE_NOT_MANUAL", facts | {"interval": account.schedule_interval}
        log_warning(type, LogActor.SYSTEM, None, creator.id, found, session=session)
