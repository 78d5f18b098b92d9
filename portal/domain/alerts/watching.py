"""Alerts begin and end with what is wrong, and whoever is to be told finds it in the outbox."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.audit.system_log import log_system
from portal.domain.alerts.wording import body_of, title_of
from portal.models import Alert, AlertKind, AlertMessage, AlertSilence, MessageKind, uuid7

REMIND_AFTER = timedelta(hours=24)


class Sign(Protocol):
    """Something that is wrong."""

    @property
    def key(self) -> str:
        """What is wrong, by name."""
        ...

    @property
    def kind(self) -> AlertKind:
        """What it is about."""
        ...

    @property
    def facts(self) -> Mapping[str, Any]:
        """How much is wrong."""
        ...


@dataclass(frozen=True, slots=True)
class Telling:
    """Who is told, how often at most about one key, and the page that messages lead to."""

    targets: Sequence[str]
    quiet: timedelta
    page: str


def look(session: Session, signs: Sequence[Sign], telling: Telling, *, now: datetime) -> None:
    """Open, keep and end alerts so that they are what is wrong now; queue one message a kind for each target.

    The caller holds the lock of looking: two looks at once would open an alert twice.
    """
    open_ = {alert.key: alert for alert in session.scalars(select(Alert).where(Alert.resolved_at.is_(None)))}
    present = {sign.key: _seen(session, open_.get(sign.key), sign, now) for sign in signs}
    ended = [_ended(session, alert, now) for key, alert in open_.items() if key not in present]
    if not telling.targets:
        return
    silenced = set(session.scalars(select(AlertSilence.key).where(AlertSilence.until > now)))
    heard = [alert for alert in present.values() if alert.key not in silenced]
    recent = _told_since(session, now - telling.quiet)
    fresh = [alert for alert in heard if alert.told_at is None and alert.key not in recent]
    due = [alert for alert in heard if alert not in fresh and _needs_reminder(alert, now)]
    over = [alert for alert in ended if alert.told_at is not None and alert.key not in silenced]
    for kind, alerts in ((MessageKind.RAISED, fresh), (MessageKind.REMINDER, due), (MessageKind.RESOLVED, over)):
        _tell(session, kind, alerts, telling, now)


def _seen(session: Session, alert: Alert | None, sign: Sign, now: datetime) -> Alert:
    if alert is None:
        alert = Alert(id=uuid7(), key=sign.key, kind=sign.kind, opened_at=now)
        session.add(alert)
        log_system("ALERT_RAISED", metadata=_facts(alert) | {"facts": dict(sign.facts)}, session=session)
    alert.facts, alert.seen_at = dict(sign.facts), now
    return alert


def _ended(session: Session, alert: Alert, now: datetime) -> Alert:
    alert.resolved_at = now
    lasted = round((now - alert.opened_at).total_seconds())
    log_system("ALERT_RESOLVED", metadata=_facts(alert) | {"durationSeconds": lasted}, session=session)
    return alert


def _facts(alert: Alert) -> dict[str, Any]:
    return {"alertId": alert.id, "key": alert.key, "kind": alert.kind}


def _told_since(session: Session, since: datetime) -> set[str]:
    """Keys that somebody was told of lately, by this alert or by an earlier one."""
    query = select(Alert.key).group_by(Alert.key).having(func.max(Alert.told_at) > since)
    return set(session.scalars(query.where(Alert.told_at > since)))


def _needs_reminder(alert: Alert, now: datetime) -> bool:
    told = alert.told_at
    return told is not None and alert.acknowledged_at is None and told <= now - REMIND_AFTER


def _tell(session: Session, kind: MessageKind, alerts: Sequence[Alert], telling: Telling, now: datetime) -> None:
    """One message for all of them to each target; they count as told from now on."""
    if not alerts:
        return
    reference = f"{kind}-{uuid7()}"
    body = body_of(alerts, reference=reference, page=telling.page)
    for target in telling.targets:
        session.add(
            AlertMessage(
                id=uuid7(),
                reference=reference,
                target=target,
                kind=kind,
                title=title_of(kind, alerts),
                body=body,
                made_at=now,
                next_try_at=now,
            )
        )
    if kind is not MessageKind.RESOLVED:
        for alert in alerts:
            alert.told_at = now
