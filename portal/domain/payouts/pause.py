"""The switch that pauses all sending: approved payouts wait, and what was sent goes on being watched."""

from datetime import datetime

from sqlalchemy.orm import Session

from portal.audit.actor import Actor
from portal.audit.system_log import log_admin_action
from portal.domain.errors import PayoutRefused
from portal.domain.payouts.facts import SENDING_PAUSED, sending_pause
from portal.domain.reason import REASON_LENGTHS, REASON_WANTED, clean_reason, is_reason
from portal.models import Setting


def pause_sending(session: Session, *, reason: str, actor: Actor, now: datetime) -> None:
    """Send no payout until resumed. Raises PayoutRefused when sending is paused, or the reason too short."""
    event = "PAYOUT_SENDING_PAUSED"
    reason = _valid(reason, event)
    paused = sending_pause(session)
    if paused is not None:
        message = "L’envoi est déjà suspendu : %(reason)s"
        raise PayoutRefused(message, event=event, words={"reason": paused["reason"]})
    value = {"reason": reason, "since": now.isoformat(), "by": actor.name}
    session.add(Setting(name=SENDING_PAUSED, value=value, set_by=actor.user_id, set_at=now))
    log_admin_action(event, actor.id, metadata={"adminId": actor.id, "reason": reason}, session=session)


def resume_sending(session: Session, *, reason: str, actor: Actor) -> None:
    """Send again what waited. Raises PayoutRefused when nothing is paused."""
    event = "PAYOUT_SENDING_RESUMED"
    reason = _valid(reason, event)
    setting = session.get(Setting, SENDING_PAUSED, with_for_update=True, populate_existing=True)
    if setting is None:
        raise PayoutRefused("L’envoi n’est pas suspendu.", event=event)
    session.delete(setting)
    log_admin_action(event, actor.id, metadata={"adminId": actor.id, "reason": reason}, session=session)


def _valid(reason: str, event: str) -> str:
    reason = clean_reason(reason)
    if not is_reason(reason):
        raise PayoutRefused(REASON_WANTED, event=event, status=422, words=REASON_LENGTHS)
    return reason
