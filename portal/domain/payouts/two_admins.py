"""Large payouts: two different admins approve before anything is sent, at first as at every new attempt."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified

from portal.audit.actor import Actor
from portal.audit.system_log import log_admin_action, log_error
from portal.domain.errors import NotFound, PayoutRefused
from portal.domain.payouts.facts import amount_of, lock_newest_attempt, lock_payout, payout_facts
from portal.models import LogActor, Payout, PayoutApproval, PayoutStatus, Role, User, uuid7

UNDECIDED = (PayoutStatus.REQUESTED, PayoutStatus.FAILED, PayoutStatus.RETURNED, PayoutStatus.REVIEW)


def needs_two(payout: Payout, above: Decimal | None) -> bool:
    """Whether two admins must approve; `above` is a decimal amount of the payout's own currency, None: never."""
    return above is not None and amount_of(payout) > above


def waits_for_second(
    session: Session, payout: Payout, actor: Actor, *, n: int, above: Decimal | None, now: datetime
) -> bool:
    """Whether this approval of attempt `n` is the first of two: it is recorded, and nothing may be sent.

    Call with the payout locked and every other guard passed. Raises PayoutRefused when the first was theirs.
    """
    if not needs_two(payout, above):
        return False
    first = _standing(session, payout.id, n, now)
    if first is None:
        session.add(PayoutApproval(id=uuid7(), payout_id=payout.id, n=n, user_id=actor.user_id, created_at=now))
        flag_modified(payout, "status")  # whoever has the page open is told that the payout has changed
        facts = payout_facts(payout) | {"adminId": actor.id, "attempt": n}
        log_admin_action("PAYOUT_APPROVAL_FIRST_GIVEN", actor.id, metadata=facts, session=session)
        return True
    if first.user_id == actor.user_id:
        facts = payout_facts(payout) | {"adminId": actor.id, "attempt": n}
        log_error("PAYOUT_APPROVAL_SAME_ADMIN", LogActor.ADMIN, None, actor.id, facts)
        message = "Vous avez donné la première approbation : un autre administrateur doit donner la seconde."
        raise PayoutRefused(message, event="PAYOUT_APPROVAL_SAME_ADMIN", facts=facts)
    return False


def withdraw_first(session: Session, *, payout_id: UUID, actor: Actor, now: datetime) -> None:
    """Take back one's own first approval while the second is missing. Raises NotFound or PayoutRefused."""
    locked = lock_payout(session, payout_id)
    if locked is None:
        raise NotFound("Ce payout n’existe pas.", event="PAYOUT_APPROVAL_NOT_FOUND")
    payout, _ = locked
    attempt = lock_newest_attempt(session, payout_id)
    n = attempt.n + 1 if attempt else 1
    first = _standing(session, payout_id, n, now) if payout.status in UNDECIDED else None
    if first is None or first.user_id != actor.user_id:
        message = "Vous n’avez pas de première approbation à retirer."
        raise PayoutRefused(message, event="PAYOUT_APPROVAL_INVALID_STATUS")
    first.withdrawn_at = now
    flag_modified(payout, "status")
    facts = payout_facts(payout) | {"adminId": actor.id, "attempt": n}
    log_admin_action("PAYOUT_APPROVAL_FIRST_WITHDRAWN", actor.id, metadata=facts, session=session)


def _standing(session: Session, payout_id: UUID, n: int, now: datetime) -> PayoutApproval | None:
    """The first approval, as long as whoever gave it may still approve; else it ends here."""
    query = select(PayoutApproval, User).join(User, User.id == PayoutApproval.user_id)
    query = query.where(
        PayoutApproval.payout_id == payout_id, PayoutApproval.n == n, PayoutApproval.withdrawn_at.is_(None)
    )
    row = session.execute(query.execution_options(populate_existing=True)).first()
    if row is None:
        return None
    first, giver = row
    if giver.role is Role.ADMIN and giver.disabled_at is None:
        found: PayoutApproval = first
        return found
    first.withdrawn_at = now
    session.flush()
    return None
