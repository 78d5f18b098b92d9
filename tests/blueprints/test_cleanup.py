"""Retention's pages: how long levels are kept, what would go, and confirming a bulk; for admins only."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from portal.audit.retention import POLICY, LogLevel, set_floors
from portal.config import POLICY_DAYS
from portal.domain.work import utc_now
from portal.models import JobRun, Log, Role, RunState, Setting
from tests.browser import Browser
from tests.factories import Factory
from tests.jobs.old_logs import drop_old_weeks, held, write_old

JOB = "/dashboard/admin/jobs/cleanup-logs"
PREVIEW, CONFIRM = f"{JOB}/preview", f"{JOB}/confirm"
REASON = "Reprise après une panne d’un mois"


@pytest.fixture(autouse=True)
def policy(change_settings: Any, owner_engine: Engine) -> Iterator[None]:
    """The policy's own days, on a log without a past."""
    change_settings(retention_days=POLICY_DAYS)
    yield
    drop_old_weeks(owner_engine)


@pytest.fixture
def admin(factory: Factory, browser: Browser, app: Flask, monkeypatch: pytest.MonkeyPatch) -> Browser:
    """An admin's browser; jobs that they start have ended when the page answers."""
    monkeypatch.setattr(app.extensions["jobs"], "launch", lambda work: work())
    return browser.sign_in(factory.admin(name="Ada").email)


@pytest.fixture
def ordinary_days(session: Session) -> None:
    """Three runs that deleted ten rows each."""
    for ago in (1, 2, 3):
        at = utc_now() - timedelta(days=ago)
        counts = {"deletedInfo": 8, "deletedWarning": 2, "deletedError": 0}
        session.add(
            JobRun(job="cleanup-logs", slot=f"day-{ago}", state=RunState.SUCCEEDED, node="n", started_at=at,
                   heartbeat_at=at, lease_until=at, ended_at=at, summary=counts)
        )  # fmt: skip
    session.commit()


def words(page: Browser, path: str) -> str:
    page.get(path)
    return page.words


def run_now(admin: Browser) -> None:
    admin.get(f"{JOB}/run")
    admin.submit(f"{JOB}/run")


def confirm(admin: Browser, **fields: str) -> int:
    admin.get(CONFIRM)
    return admin.submit(CONFIRM, **fields).status_code


def shown_weeks(page: Browser) -> dict[str, list[int]]:
    rows = re.findall(r'<tr data-week="([^"]+)">(.*?)</tr>', page.text, re.DOTALL)
    return {week: [int(n) for n in re.findall(r'class="num[^"]*">(\d+)<', row)] for week, row in rows}


def test_the_preview_is_what_a_run_then_deletes(admin: Browser, session: Session) -> None:
    for level, days, count in (("INFO", 31, 5), ("INFO", 45, 7), ("WARNING", 70, 3), ("ERROR", 120, 2)):
        write_old(session, level, days, count)
    write_old(session, "CRITICAL", 120, 4)
    admin.get(PREVIEW)
    weeks = shown_weeks(admin)
    assert weeks.pop("all") == [12, 3, 2, 17]
    assert [sum(column) for column in zip(*weeks.values(), strict=True)] == [12, 3, 2, 17]
    assert sum(held(session).values()) == 21
    run_now(admin)
    assert held(session) == {"CRITICAL": 4}
    newest = select(JobRun).order_by(JobRun.started_at.desc()).limit(1)
    told = session.scalars(newest).one().summary
    assert [told[key] for key in ("deletedInfo", "deletedWarning", "deletedError")] == [12, 3, 2]
    admin.get(JOB)
    assert "17 lignes supprimées · INFO 12 · WARNING 3 · ERROR 2" in admin.words


def test_nothing_due_says_so(admin: Browser) -> None:
    admin.get(PREVIEW)
    assert "Aucune ligne n’a passé sa durée de garde." in admin.words
    assert "Lancer maintenant" not in admin.words


def test_the_jobs_page_says_how_long_each_level_is_kept(admin: Browser, change_settings: Any) -> None:
    admin.get(JOB)
    days = dict(re.findall(r'data-level="(\w+)" data-days="(\d+)"', admin.text))
    assert days == {"INFO": "30", "WARNING": "60", "ERROR": "90"}
    assert "CRITICAL toujours toujours" in admin.words
    change_settings(retention_days=dict.fromkeys(POLICY_DAYS, 100))
    admin.get(JOB)
    assert set(re.findall(r'data-days="(\d+)"', admin.text)) == {"100"}
    assert "plus courte" not in admin.words
    assert "La démonstration garde plus longtemps que la politique" in admin.words


def test_a_shorter_time_shows_on_the_pages(admin: Browser, change_settings: Any, owner_engine: Engine) -> None:
    change_settings(retention_days={**POLICY_DAYS, "INFO": 7})
    admin.get(JOB)
    assert "La base garde plus longtemps que le réglage" in admin.words
    try:
        with owner_engine.begin() as owner:
            set_floors(owner, {**POLICY, LogLevel.INFO: 7})
        for page in (JOB, PREVIEW):
            admin.get(page)
            assert "Durée de garde plus courte que la politique" in admin.words
            assert 'data-days="7"' in admin.text
    finally:
        with owner_engine.begin() as owner:
            set_floors(owner, POLICY)


def test_a_bulk_waits_until_an_admin_confirms_with_a_reason(
    admin: Browser, session: Session, ordinary_days: None
) -> None:
    write_old(session, "INFO", 40, count=31)
    run_now(admin)
    assert "31 lignes attendent une confirmation" in words(admin, JOB)
    assert held(session) == {"INFO": 31}
    assert "Supprimer 31 lignes du journal" in words(admin, CONFIRM)
    assert confirm(admin, reason="court") == 422
    assert held(session) == {"INFO": 31}
    assert confirm(admin, reason=REASON) == 200
    assert held(session) == {}
    admin.get(JOB)
    assert "attendent une confirmation" not in admin.words
    [told] = session.scalars(select(Log).where(Log.type == "CRON_CLEANUP_CONFIRMED")).all()
    assert (told.actor, told.details["reason"], told.details["due"]) == ("ADMIN", REASON, 31)
    assert session.scalar(select(func.count()).select_from(Setting)) == 0


def test_a_confirmation_of_fewer_rows_than_there_are_does_not_do(
    admin: Browser, session: Session, ordinary_days: None
) -> None:
    write_old(session, "INFO", 40, count=90)
    assert confirm(admin, reason=REASON, rows="31") == 200
    assert held(session) == {"INFO": 90}


@pytest.mark.parametrize("rows", ["", "-1", "beaucoup", "9" * 30])
def test_a_count_that_is_none_confirms_nothing(
    admin: Browser, session: Session, ordinary_days: None, rows: str
) -> None:
    write_old(session, "INFO", 40, count=90)
    assert confirm(admin, reason=REASON, rows=rows) == 422
    assert held(session) == {"INFO": 90}


def test_there_is_nothing_to_confirm_in_the_ordinary(
    admin: Browser, session: Session, ordinary_days: None
) -> None:
    write_old(session, "INFO", 40, count=30)
    assert "Aucune confirmation n’est nécessaire" in words(admin, CONFIRM)


@pytest.mark.parametrize("role", ["USER", "CREATOR"])
def test_only_admins(factory: Factory, browser: Browser, role: str, session: Session) -> None:
    write_old(session, "INFO", 40, count=2)
    browser.sign_in(factory.user(Role(role)).email)
    for path in (PREVIEW, CONFIRM):
        assert browser.get(path).status_code == 403
    fields = {"reason": REASON, "rows": "2", "csrf_token": browser.csrf_token()}
    assert browser.client.post(CONFIRM, data=fields).status_code == 403
    assert held(session) == {"INFO": 2}
