"""When retention asks before it deletes, and the answer: a bulk far beyond the ordinary wants a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from sqlalchemy.orm import Session

from portal.audit.actor import Actor
from portal.audit.system_log import log_warning
from portal.domain.errors import DomainError
from portal.domain.reason import REASON_LENGTHS, REASON_WANTED, clean_reason, is_reason
from portal.models import Setting

CONFIRMED = "log_cleanup_confirmed"
FACTOR = 3
LEAST_RUNS = 3
"""A portal that has deleted fewer times has no ordinary yet, and asks nothing."""


class CleanupRefused(DomainError):
    """A confirmation that lacks its reason."""


@dataclass(frozen=True, slots=True)
class Ordinary:
    """What runs delete ordinarily, and so the most that one deletes unasked."""

    median: int
    limit: int


def ordinary(deleted_before: Sequence[int]) -> Ordinary | None:
    """The measure taken from the newest runs that deleted something; None while they are too few."""
    if len(deleted_before) < LEAST_RUNS:
        return None
    middle = median(deleted_before)
    return Ordinary(int(middle), int(FACTOR * middle))


def asks(due: int, usual: Ordinary | None, confirmed: int = 0) -> bool:
    """Whether so many rows want a person; a confirmation covers its rows, and the ordinary on top."""
    return usual is not None and due > usual.limit + confirmed


def confirm_cleanup(session: Session, *, rows: int, reason: str, actor: Actor, now: datetime) -> None:
    """Let the next run delete so many rows. Raises CleanupRefused when the reason is too short."""
    event, reason = "CRON_CLEANUP_CONFIRMED", clean_reason(reason)
    if not is_reason(reason):
        raise CleanupRefused(REASON_WANTED, event=event, status=422, words=REASON_LENGTHS)
    value = {"rows": rows, "reason": reason, "by": actor.name}
    session.merge(Setting(name=CONFIRMED, value=value, set_by=actor.user_id, set_at=now))
    facts = {"due": rows, "reason": reason, "confirmedBy": actor.name}
    if actor.user_id is not None:
        facts["adminId"] = actor.id
    log_warning(event, actor.kind, None, actor.id, facts, session=session)


def take_confirmation(session: Session) -> int:
    """How many rows are confirmed, once: whoever asks next finds none."""
    setting = session.get(Setting, CONFIRMED, with_for_update=True, populate_existing=True)
    if setting is None:
        return 0
    session.delete(setting)
    return int(setting.value["rows"])
