"""What the overview answers: what needs somebody now, and whether the portal itself is well."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from portal.models import Alert, JobRun, Payout, PayoutStatus, Setting
from portal.models.job_run import LATE_SETTING
from portal.models.setting import SENDING_PAUSED


@dataclass(frozen=True, slots=True)
class SendingPause:
    """Why no payout is being sent, since when, and by whose decision."""

    reason: str
    since: datetime
    by: str


def find_sending_pause(session: Session) -> SendingPause | None:
    """The pause of all sending, if there is one."""
    setting = session.get(Setting, SENDING_PAUSED, populate_existing=True)
    return _pause(setting.value if setting else None)


def _pause(value: Mapping[str, Any] | None) -> SendingPause | None:
    if value is None:
        return None
    return SendingPause(str(value["reason"]), datetime.fromisoformat(value["since"]), str(value["by"]))


@dataclass(frozen=True, slots=True)
class Standing:
    """What every page of an admin's says around itself."""

    to_approve: int
    open_alerts: int
    pause: SendingPause | None


STANDING = select(
    select(func.count()).where(Payout.status == PayoutStatus.REQUESTED).scalar_subquery(),
    select(func.count()).where(Alert.resolved_at.is_(None), Alert.acknowledged_at.is_(None)).scalar_subquery(),
    select(Setting.value).where(Setting.name == SENDING_PAUSED).scalar_subquery(),
).execution_options(kept_plan=True)
"""Asked by every page of an admin's, and so built once."""


def find_standing(session: Session) -> Standing:
    """The top bar's two numbers and the pause of all sending, in one query."""
    to_approve, open_alerts, value = session.connection().execute(STANDING).one()
    return Standing(to_approve, open_alerts, _pause(value))


@dataclass(frozen=True, slots=True)
class Waiting:
    """Payouts to approve in one currency; the total is in its minor units."""

    currency: str
    count: int
    total: int
    oldest: datetime


def payouts_to_approve(session: Session) -> list[Waiting]:
    """What waits for a decision, a line a currency, the longest waiting first."""
    oldest = func.min(Payout.created_at)
    query = select(Payout.currency, func.count(), func.sum(Payout.amount_minor), oldest)
    query = query.where(Payout.status == PayoutStatus.REQUESTED).group_by(Payout.currency).order_by(oldest)
    return [Waiting(currency, count, int(total), at) for currency, count, total, at in session.execute(query)]


def last_runs(session: Session) -> Sequence[JobRun]:
    """The newest run of each job."""
    query = select(JobRun).ext(distinct_on(JobRun.job)).order_by(JobRun.job, JobRun.started_at.desc())
    return session.scalars(query).all()


@dataclass(frozen=True, slots=True)
class LateJob:
    """A job that the dead man's switch has told: by when it should have succeeded."""

    name: str
    expected_by: datetime


def late_jobs(session: Session, names: Iterable[str]) -> list[LateJob]:
    """Which of these jobs are late, the longest first."""
    told = {LATE_SETTING + name: name for name in names}
    query = select(Setting.name, Setting.value).where(Setting.name.in_(told))
    rows = session.execute(query)
    late = [LateJob(told[name], datetime.fromisoformat(value["expectedBy"])) for name, value in rows]
    return sorted(late, key=lambda job: job.expected_by)


@dataclass(frozen=True, slots=True)
class Protections:
    """What the database refuses today: changes by the application, and changes by anybody."""

    application_cannot_change: bool
    triggers_refuse: bool


PROTECTIONS = text(
    "select not bool_or(has_table_privilege(name, 'update') or has_table_privilege(name, 'delete')"
    " or has_table_privilege(name, 'truncate')),"
    " bool_and((select count(*) from pg_trigger where tgrelid = name::regclass and tgenabled in ('O', 'A')"
    " and tgname in ('append_only', 'never_truncated')) = 2)"
    " from unnest(array['log', 'transaction_log']) as book(name)"
)


def protections(session: Session) -> Protections:
    """Whether both books are append-only, as the database itself says."""
    return Protections(*session.execute(PROTECTIONS).one())
