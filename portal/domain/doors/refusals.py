"""How a rule about accounts says no: recorded apart, so that it outlives the rollback."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from portal.audit.actor import Actor
from portal.audit.system_log import log_warning
from portal.domain.errors import Refusal, UserRefused
from portal.domain.own_affairs import EVENT as OWN
from portal.domain.own_affairs import record_own

EVENT = "USER_CHANGE_REFUSED"


def by(actor: Actor) -> dict[str, Any]:
    """Who changes an account: an admin, or whoever types at the terminal."""
    typed = {"operator": actor.name} if actor.user_id is None else {}
    return {"adminId": actor.id, "ipAddress": actor.ip_address, **typed}


def refused(
    user_id: UUID | None,
    actor: Actor,
    action: str,
    reason: str,
    message: str = "",
    words: Mapping[str, object] | None = None,
    *,
    errors: Mapping[str, Refusal] | None = None,
    status: int = 422,
) -> UserRefused:
    """What to raise; without a message of its own it says the first of `errors`."""
    first = next(iter((errors or {}).values()), Refusal(message, words or {}))
    facts = by(actor) | {"userId": user_id, "action": action, "reason": reason, "refusal": str(first)}
    log_warning(EVENT, actor.kind, None, actor.id, facts)
    return UserRefused(first.message, words=first.words, event=EVENT, errors=errors, status=status)


def refuse_oneself(user_id: UUID, actor: Actor, action: str) -> None:
    """Nobody administers their own account: a slip, or a stolen session, would lock its owner out."""
    if actor.user_id != user_id:
        return
    record_own(actor, f"users.{action.lower()}", {"userId": user_id})
    message = "On n’administre pas son propre compte : un autre administrateur doit le faire."
    raise UserRefused(message, event=OWN, status=403)
