"""What the payout verbs share: locking in one order, and the facts that their audit rows repeat."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.audit.system_log import log_payout_event
from portal.models import Creator, Payout, PayoutAttempt, PayoutStatus, Setting
from portal.models.currency import to_decimal
from portal.models.payout import RESERVED
from portal.models.setting import SENDING_PAUSED as SENDING_PAUSED


def lock_creator(session: Session, creator_id: UUID) -> Creator | None:
    """The creator, locked and freshly read; always locked before one of its payouts."""
    return session.get(Creator, creator_id, with_for_update={"of": Creator}, populate_existing=True)


def lock_payout(session: Session, payout_id: UUID) -> tuple[Payout, Creator] | None:
    """The payout and its creator, freshly read; the creator is locked first, always."""
    creator_id = session.scalar(select(Payout.creator_id).where(Payout.id == payout_id))
    if creator_id is None:
        return None
    creator = lock_creator(session, creator_id)
    payout = session.get(Payout, payout_id, with_for_update=True, populate_existing=True)
    assert creator is not None  # noqa: S101 -- the foreign key says so
    assert payout is not None  # noqa: S101 -- payouts are never deleted
    return payout, creator


def lock_newest_attempt(session: Session, payout_id: UUID) -> PayoutAttempt | None:
    """The payout's newest attempt, locked and freshly read; call after lock_payout()."""
    query = select(PayoutAttempt).where(PayoutAttempt.payout_id == payout_id)
    query = query.order_by(PayoutAttempt.n.desc()).limit(1).with_for_update()
    return session.scalar(query.execution_options(populate_existing=True))


def reserved_minor(session: Session, creator_id: UUID, currency: str) -> int:
    """Minor units asked for and not yet debited at Stripe."""
    query = select(func.coalesce(func.sum(Payout.amount_minor), 0)).where(
        Payout.creator_id == creator_id, Payout.currency == currency, Payout.status.in_(RESERVED)
    )
    return int(session.scalar(query) or 0)


def has_open(session: Session, creator_id: UUID, currency: str, *, besides: UUID | None = None) -> bool:
    """Whether the creator has a payout asked for and not yet debited, `besides` left out."""
    query = select(Payout.id).where(Payout.creator_id == creator_id, Payout.currency == currency)
    query = query if besides is None else query.where(Payout.id != besides)
    return session.scalar(query.where(Payout.status.in_(RESERVED)).limit(1)) is not None


def sending_pause(session: Session) -> dict[str, Any] | None:
    """The pause of all sending (reason, since), or None."""
    setting = session.get(Setting, SENDING_PAUSED, populate_existing=True)
    return setting.value if setting else None


def amount_of(payout: Payout) -> Decimal:
    """The payout's decimal amount, as audit rows show it."""
    return to_decimal(payout.amount_minor, payout.currency)


def payout_facts(payout: Payout) -> dict[str, Any]:
    """payoutId, creatorId, amount and currency for an audit row."""
    return {
        "payoutId": payout.id,
        "creatorId": payout.creator_id,
        "amount": amount_of(payout),
        "currency": payout.currency,
    }


def moved(payout: Payout, previous: PayoutStatus) -> dict[str, Any]:
    """previousStatus and newStatus for an audit row."""
    return {"previousStatus": previous, "newStatus": payout.status}


def log_event(session: Session, payout: Payout, event: str, facts: dict[str, Any]) -> None:
    """PAYOUT_`event` in the payout's transaction, with its ids and amount."""
    everything = payout_facts(payout) | facts
    amount = everything["amount"]
    log_payout_event(
        event, payout.id, payout.creator_id, amount, payout.currency, metadata=everything, session=session
    )


def log_requested(session: Session, payout: Payout, *, processing_ms: int) -> None:
    """PAYOUT_REQUESTED: at the request when an admin decides, after Stripe's answer on the auto route."""
    facts = {
        "stripePayoutId": payout.stripe_payout_id,
        "status": payout.status,
        "triggeredBy": payout.source,
        "processingTimeMs": processing_ms,
    }
    log_event(session, payout, "REQUESTED", facts)
