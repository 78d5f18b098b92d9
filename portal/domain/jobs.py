"""Scheduled jobs as people handle them: when each is due, pausing and resuming one, running one now."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.orm import Session

from portal.audit.actor import Actor
from portal.audit.system_log import log_admin_action
from portal.domain.errors import DomainError
from portal.domain.reason import REASON_LENGTHS, REASON_WANTED, clean_reason, is_reason
from portal.models import Setting
from portal.models.job_run import PAUSE_SETTING


class JobRefused(DomainError):
    """A job that does not run now, or is not paused as it should be."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A job's rhythm: once every `every`, `offset` after the start of each period in UTC."""

    name: str
    every: timedelta
    offset: timedelta = timedelta(0)

    def start_of(self, moment: datetime) -> datetime:
        """The latest start at or before `moment`."""
        seconds, offset = int(self.every.total_seconds()), int(self.offset.total_seconds())
        stamp = (int(moment.timestamp()) - offset) // seconds * seconds + offset
        return datetime.fromtimestamp(stamp, UTC)

    def next_start(self, moment: datetime) -> datetime:
        """The first start after `moment`."""
        return self.start_of(moment) + self.every

    def slot_at(self, moment: datetime) -> str:
        """The name of the slot that `moment` lies in."""
        return f"{self.start_of(moment):%Y-%m-%dT%H:%M:%SZ}"


class JobDesk(Protocol):
    """Where the edge asks for a run."""

    @property
    def schedules(self) -> Mapping[str, Schedule]:
        """Every scheduled job by its name."""
        ...

    def run_now(self, name: str, actor: Actor, *, wait: bool) -> UUID:
        """The id of a run of its own, under way or, with `wait`, ended. Raises JobRefused."""
        ...


def job_pause(session: Session, name: str) -> dict[str, Any] | None:
    """The pause of a job (reason, since, by), or None."""
    setting = session.get(Setting, PAUSE_SETTING + name, populate_existing=True)
    return setting.value if setting else None


def pause_job(session: Session, *, name: str, reason: str, actor: Actor, now: datetime) -> None:
    """Start no run of the job until resumed. Raises JobRefused when paused, or the reason too short."""
    event = "CRON_JOB_PAUSED"
    reason = _valid(reason, event)
    if job_pause(session, name) is not None:
        raise JobRefused("Cette tâche est déjà suspendue.", event=event)
    value = {"reason": reason, "since": now.isoformat(), "by": actor.name}
    session.add(Setting(name=PAUSE_SETTING + name, value=value, set_by=actor.user_id, set_at=now))
    log_admin_action(event, actor.id, metadata=_facts(name, actor, reason), session=session)


def resume_job(session: Session, *, name: str, reason: str, actor: Actor) -> None:
    """Let the schedule start the job again. Raises JobRefused when it is not paused."""
    event = "CRON_JOB_RESUMED"
    reason = _valid(reason, event)
    setting = session.get(Setting, PAUSE_SETTING + name, with_for_update=True, populate_existing=True)
    if setting is None:
        raise JobRefused("Cette tâche n’est pas suspendue.", event=event)
    session.delete(setting)
    log_admin_action(event, actor.id, metadata=_facts(name, actor, reason), session=session)


def _facts(name: str, actor: Actor, reason: str) -> dict[str, Any]:
    return {"job": name, "adminId": actor.id, "reason": reason}


def _valid(reason: str, event: str) -> str:
    reason = clean_reason(reason)
    if not is_reason(reason):
        raise JobRefused(REASON_WANTED, event=event, status=422, words=REASON_LENGTHS)
    return reason
