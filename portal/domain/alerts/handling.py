"""What an admin does about alerts: takes one on, silences its key for a while, ends the silence."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from portal.audit.actor import Actor
from portal.audit.system_log import log_admin_action
from portal.domain.errors import DomainError
from portal.domain.reason import REASON_LENGTHS, REASON_WANTED, clean_reason, is_reason
from portal.models import Alert, AlertSilence

LONGEST_SILENCE = timedelta(days=7)


class AlertRefused(DomainError):
    """An alert that is not as it was shown, or a silence without a reason."""


def acknowledge_alert(session: Session, *, alert_id: UUID, actor: Actor, now: datetime) -> Alert:
    """Say that somebody looks after it: no more reminders. Raises AlertRefused when it is over, or taken."""
    event = "ALERT_ACKNOWLEDGED"
    alert = session.get(Alert, alert_id, with_for_update=True, populate_existing=True)
    if alert is None:
        raise AlertRefused("Cette alerte n’existe pas.", event=event, status=404)
    if alert.resolved_at is not None:
        raise AlertRefused("Cette alerte est déjà terminée.", event=event)
    if alert.acknowledged_at is not None:
        raise AlertRefused("Cette alerte est déjà prise en charge.", event=event)
    alert.acknowledged_at, alert.acknowledged_by = now, actor.user_id
    facts = {"alertId": alert.id, "key": alert.key, "adminId": actor.id}
    log_admin_action(event, actor.id, metadata=facts, session=session)
    return alert


def silence_alerts(
    session: Session, *, key: str, hours: int, reason: str, actor: Actor, now: datetime
) -> AlertSilence:
    """Tell nobody about a key for so many hours; alerts are shown all the same. Raises AlertRefused."""
    event = "ALERT_SILENCED"
    reason = clean_reason(reason)
    if not is_reason(reason):
        raise AlertRefused(REASON_WANTED, event=event, status=422, words=REASON_LENGTHS)
    if not 0 < hours <= LONGEST_SILENCE // timedelta(hours=1):
        raise AlertRefused("Une sourdine dure de 1 à 168 heures.", event=event, status=422)
    silence = AlertSilence(
        key=key, until=now + timedelta(hours=hours), reason=reason, set_by=actor.user_id, set_at=now
    )
    silence = session.merge(silence)
    facts = {"key": key, "until": silence.until, "reason": reason, "adminId": actor.id}
    log_admin_action(event, actor.id, metadata=facts, session=session)
    return silence


def end_silence(session: Session, *, key: str, actor: Actor) -> None:
    """Tell of a key again. Raises AlertRefused when it is not silenced."""
    event = "ALERT_UNSILENCED"
    silence = session.get(AlertSilence, key, with_for_update=True, populate_existing=True)
    if silence is None:
        raise AlertRefused("Cette alerte n’est pas en sourdine.", event=event)
    session.delete(silence)
    log_admin_action(event, actor.id, metadata={"key": key, "adminId": actor.id}, session=session)
