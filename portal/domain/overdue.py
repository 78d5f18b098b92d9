"""A step that did not come in time is told in the log, once: an absence writes no row by itself."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from portal.audit.actor import SYSTEM
from portal.audit.system_log import log_error, log_warning
from portal.models import OverdueStep


def tell_overdue(
    session: Session, *, kind: str, id: UUID, step: str, since: datetime, facts: Mapping[str, Any], now: datetime
) -> bool:
    """Record that a step is late; False when this wait was told before.

    `facts` hold its due moment and the event that was expected.
    """
    row = {"kind": kind, "entity_id": id, "step": step, "since": since, "due_at": facts["due"], "told_at": now}
    told = insert(OverdueStep).values(row).on_conflict_do_nothing().returning(OverdueStep.step)
    if session.execute(told).first() is None:
        return False
    _log(session, kind, {**facts, "lateMs": round((now - facts["due"]).total_seconds() * 1000)})
    return True


def _log(session: Session, kind: str, facts: dict[str, Any]) -> None:
    if kind == "payout":
        log_error("PAYOUT_STEP_OVERDUE", SYSTEM.kind, None, None, facts, session=session)
    elif kind == "refund":
        log_error("REFUND_STEP_OVERDUE", SYSTEM.kind, None, None, facts, session=session)
    elif kind == "dispute":
        log_warning("DISPUTE_STEP_OVERDUE", SYSTEM.kind, None, None, facts, session=session)
    else:
        log_warning("BOOKING_STEP_OVERDUE", SYSTEM.kind, None, None, facts, session=session)
