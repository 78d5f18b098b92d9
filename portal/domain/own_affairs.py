"""Nobody decides on what is their own: not on their payouts, sales, purchases or account."""

from collections.abc import Mapping
from typing import Any

from portal.audit.actor import Actor
from portal.audit.system_log import log_warning

EVENT = "USER_ACCESS_DENIED"


def record_own(actor: Actor, endpoint: str, facts: Mapping[str, Any]) -> None:
    """Keep that an admin tried: whoever watches denied access sees this first of all."""
    told = {"endpoint": endpoint, "method": "POST", "requiredRole": "ADMIN", "adminId": actor.id}
    log_warning(EVENT, actor.kind, None, actor.id, {**told, "ipAddress": actor.ip_address, **facts})
