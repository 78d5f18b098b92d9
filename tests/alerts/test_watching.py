"""Alerts begin, last and end with what is wrong; whoever is told is told once, over any number of workers."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from threading import Barrier, Lock
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from portal.audit.actor import SYSTEM
from portal.audit.system_log import log_critical, log_error
from portal.domain.alerts.outbox import MOST_TRIES, pause_after
from portal.domain.work import utc_now
from portal.jobs import alerts
from portal.models import (
    Alert,
    AlertMessage,
    AlertSilence,
    InboxState,
    Log,
    LogHourType,
    LogLevel,
    PayoutStatus,
    Setting,
)
from portal.models.job_run import LATE_SETTING
from portal.queries.alert_signals import limit_of
from tests.factories import Factory
from tests.webhooks.inbox import Inbox

ROOT = Path(__file__).parent.parent.parent


class Post:
    """Targets that keep what they get, or refuse it."""

    def __init__(self, *targets: str) -> None:
        self.targets = list(targets or ("mail:1",))
        self.got: list[tuple[str, str, str]] = []
        self.refuses: set[str] = set()
        self.lock = Lock()

    def send(self, target: str, title: str, body: str) -> str | None:
        if target in self.refuses:
            return "refusé (500)"
        with self.lock:
            self.got.append((target, title, body))
        return None

    @property
    def titles(self) -> list[str]:
        return [title for _, title, _ in self.got]


@pytest.fixture
def post(app: Flask) -> Iterator[Post]:
    before, app.extensions["notifier"] = app.extensions["notifier"], Post()
    yield app.extensions["notifier"]
    app.extensions["notifier"] = before


class Watch:
    """Looks when told to, by a clock of its own."""

    def __init__(self, app: Flask, session: Session) -> None:
        self.app, self.session = app, session
        self.now = utc_now() + timedelta(seconds=1)

    def after(self, **time: float) -> "Watch":
        self.now += timedelta(**time)
        alerts.tick(self.app, clock=lambda: self.now)
        self.session.rollback()
        return self

    def open(self) -> list[str]:
        return list(self.session.scalars(select(Alert.key).where(Alert.resolved_at.is_(None)).order_by(Alert.key)))

    def told(self, type: str) -> int:
        return self.session.scalar(select(func.count()).select_from(Log).where(Log.type == type)) or 0


@pytest.fixture
def watch(app: Flask, session: Session) -> Watch:
    return Watch(app, session)


def critical(message: str = "essai") -> None:
    log_critical("DATABASE_CONNECTION_LOST", SYSTEM.kind, message, None, FACTS)


FACTS: dict[str, Any] = {
    "dbHost": "x",
    "errorMessage": "gone",
    "from": "a",
    "until": "b",
    "spooledLogs": 0,
    "droppedLogs": 0,
    "keptAside": 0,
    "retryAttempt": 1,
    "errorType": "x",
}


def test_a_critical_row_is_told_once_and_its_end_too(context: Flask, post: Post, watch: Watch) -> None:
    critical("la base est tombée : sk_live_abcdefghijklmnop")
    for _ in range(3):
        watch.after(seconds=30)
    assert watch.open() == ["critical:DATABASE_CONNECTION_LOST"]
    assert post.titles == ["Callastar : 1 nouvelle(s) alerte(s)"]
    [(_, _, body)] = post.got
    assert "la base est tombée" in body
    assert "/dashboard/admin/alerts" in body
    assert "sk_live_abc" not in body
    watch.after(minutes=61).after(seconds=30)
    assert watch.open() == []
    assert post.titles[1:] == ["Callastar : 1 alerte(s) terminée(s)"]
    told = [watch.told(type) for type in ("ALERT_RAISED", "ALERT_RESOLVED", "ALERT_SENT")]
    assert told == [1, 1, 2]


def test_everything_that_is_wrong_goes_into_one_message(
    context: Flask, post: Post, watch: Watch, factory: Factory, session: Session
) -> None:
    payout = factory.payout(factory.creator(), status=PayoutStatus.REVIEW)
    inbox = Inbox(context, session)
    inbox.post("evt_dead", "acct_x")
    event = inbox.row("evt_dead")
    event.state, event.next_try_at = InboxState.DEAD, None
    value = {"since": utc_now().isoformat(), "expectedBy": utc_now().isoformat()}
    session.add(Setting(name=f"{LATE_SETTING}roll-up-logs", value=value, set_at=utc_now()))
    session.commit()
    watch.after(seconds=30)
    assert watch.open() == ["job:roll-up-logs", "payouts:stuck", "webhooks:dead"]
    assert post.titles == ["Callastar : 3 nouvelle(s) alerte(s)"]
    alert = session.scalars(select(Alert).where(Alert.key == "payouts:stuck")).one()
    assert alert.facts["payoutIds"] == [str(payout.id)]


def errors(n: int) -> None:
    for _ in range(n):
        facts = {"endpoint": "/x", "action": "X", "errorType": "E", "errorMessage": "m", "errorStack": None}
        log_error("API_ERROR", SYSTEM.kind, None, None, facts)


def move(session: Session, at: datetime) -> None:
    """Date the rows that are wrong anew: only the owner can, with triggers off."""
    session.execute(text("set session_replication_role = replica"))
    wrong = "type = 'API_ERROR' or level = 'CRITICAL'"
    session.execute(text(f"update log set created_at = :at where {wrong}"), {"at": at})
    session.commit()


def usual(session: Session, an_hour: int) -> None:
    start = utc_now().replace(minute=0, second=0, microsecond=0)
    for hours in range(2, 24 * 7):
        row = {"bucket": start - timedelta(hours=hours), "level": LogLevel.ERROR, "type": "API_ERROR"}
        session.add(LogHourType(**row, n=an_hour))
    session.commit()


def test_errors_are_too_many_by_what_is_usual_for_their_type(
    context: Flask, post: Post, watch: Watch, session: Session
) -> None:
    errors(4)
    assert watch.after(seconds=30).open() == []
    errors(1)
    assert watch.after(seconds=30).open() == ["errors:API_ERROR"]
    usual(session, an_hour=40)  # ten a quarter of an hour: five are none too many
    assert watch.after(seconds=30).open() == []
    errors(36)
    assert watch.after(seconds=30).open() == ["errors:API_ERROR"]
    assert [limit_of(n) for n in (0, 1, 10, 100)] == [5, 5, 40, 400]


def test_within_the_quiet_period_a_key_is_told_once(context: Flask, post: Post, watch: Watch) -> None:
    errors(5)
    watch.after(seconds=30)
    watch.after(minutes=16)  # over
    assert len(post.got) == 2
    again = watch.now
    move(watch.session, again)
    watch.after(seconds=30)
    assert watch.open() == ["errors:API_ERROR"]
    assert len(post.got) == 2  # it flaps: nobody is told again so soon
    move(watch.session, again + timedelta(minutes=44))
    watch.after(minutes=45)
    assert len(post.got) == 3  # still there after an hour


def test_what_nobody_takes_on_is_repeated_after_a_day(
    context: Flask, post: Post, watch: Watch, factory: Factory, session: Session
) -> None:
    factory.payout(factory.creator(), status=PayoutStatus.REVIEW)
    watch.after(seconds=30).after(hours=23).after(hours=2)
    assert post.titles[-1] == "Callastar : 1 alerte(s) toujours en cours"
    session.execute(text("update alert set acknowledged_at = now()"))
    session.commit()
    watch.after(hours=25)
    assert len(post.got) == 2


def test_a_silenced_key_is_shown_and_told_after_the_silence(
    context: Flask, post: Post, watch: Watch, factory: Factory, session: Session
) -> None:
    until = watch.now + timedelta(hours=4)
    session.add(AlertSilence(key="payouts:stuck", until=until, reason="maintenance", set_at=utc_now()))
    factory.payout(factory.creator(), status=PayoutStatus.REVIEW)
    watch.after(seconds=30)
    assert (watch.open(), post.got) == (["payouts:stuck"], [])
    watch.after(hours=5)
    assert len(post.got) == 1


def test_a_target_that_fails_is_tried_again_and_keeps_no_other(
    context: Flask, post: Post, watch: Watch, session: Session
) -> None:
    post.targets = ["mail:1", "chat:2"]
    post.refuses = {"chat:2"}
    critical()
    watch.after(seconds=30)
    assert [target for target, _, _ in post.got] == ["mail:1"]
    assert watch.told("ALERT_SEND_FAILED") == 1
    post.refuses = set()
    watch.after(seconds=61)
    assert [target for target, _, _ in post.got] == ["mail:1", "chat:2"]
    assert len({body for _, _, body in post.got}) == 1
    assert [pause_after(n).seconds for n in (1, 2, 7, 12)] == [60, 120, 3600, 3600]


def test_after_its_last_try_a_message_is_given_up_aloud(
    context: Flask, post: Post, watch: Watch, session: Session
) -> None:
    post.refuses = {"mail:1"}
    critical()
    watch.after(seconds=30)
    session.execute(text("update alert_message set tries = :n"), {"n": MOST_TRIES - 1})
    session.commit()
    watch.after(minutes=2)
    message = session.scalars(select(AlertMessage)).one()
    assert (message.sent_at, message.next_try_at, message.last_error) == (None, None, "refusé (500)")
    assert watch.told("ALERT_ABANDONED") == 1
    assert watch.open() == ["critical:DATABASE_CONNECTION_LOST"]


def test_a_sender_that_dies_leaves_its_message_due_with_the_same_reference(
    context: Flask, post: Post, watch: Watch
) -> None:
    send = post.send

    def die(*message: str) -> None:
        send(*message)
        raise SystemExit

    post.send = die  # type: ignore[assignment]
    critical()
    with pytest.raises(SystemExit):
        watch.after(seconds=30)
    post.send = send  # type: ignore[method-assign]
    watch.after(seconds=60)
    assert len(post.got) == 1  # its lease holds
    watch.after(seconds=90)
    assert len(post.got) == 2
    assert post.got[0] == post.got[1]


def test_eight_workers_tell_once(context: Flask, post: Post, watch: Watch) -> None:
    critical()
    gate, now = Barrier(8), watch.now + timedelta(seconds=30)

    def work(_: int) -> None:
        gate.wait(timeout=20)
        alerts.tick(context, clock=lambda: now)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    watch.session.rollback()
    assert len(post.got) == 1
    assert watch.told("ALERT_RAISED") == 1


def test_after_weeks_of_absence_what_was_critical_is_still_told(
    context: Flask, post: Post, watch: Watch, session: Session
) -> None:
    watch.after(seconds=30)
    session.execute(
        text("update setting set value = to_jsonb(cast(:at as text)) where name = 'alerts_looked_at'"),
        {"at": (datetime.now().astimezone() - timedelta(days=3)).isoformat()},
    )
    critical()
    move(session, utc_now() - timedelta(days=2))
    watch.after(seconds=30)
    assert post.titles == ["Callastar : 1 nouvelle(s) alerte(s)"]


def test_without_targets_alerts_are_kept_and_apprise_is_not_even_imported(
    context: Flask, post: Post, watch: Watch
) -> None:
    post.targets = []
    critical()
    watch.after(seconds=30)
    assert (watch.open(), post.got) == (["critical:DATABASE_CONNECTION_LOST"], [])
    post.targets = ["mail:1"]
    watch.after(seconds=30)
    assert len(post.got) == 1
    code = "import portal, sys; from portal.jobs import alerts, notifier; notifier.AppriseNotifier(()).targets; "
    code += "sys.exit('apprise' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
