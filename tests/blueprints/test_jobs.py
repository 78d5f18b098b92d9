"""The job pages: how each stands, running one, pausing one, what a run found; for admins only."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit.actor import SYSTEM
from portal.models import JobRun, Log, PayoutSchedule, RunState, Setting, uuid7
from tests.browser import Browser
from tests.factories import Factory

JOBS = "/dashboard/admin/jobs"
PAYOUTS = f"{JOBS}/process-payouts"
REASON = "La banque est en maintenance"


@pytest.fixture
def admin(factory: Factory, browser: Browser, app: Flask, monkeypatch: pytest.MonkeyPatch) -> Browser:
    """An admin's browser; jobs that they start have ended when the page answers."""
    desk = app.extensions["jobs"]

    def at_once(work: Any) -> None:
        work()

    monkeypatch.setattr(desk, "launch", at_once)
    return browser.sign_in(factory.admin(name="Ada").email)


@pytest.fixture
def ran(session: Session) -> Any:
    """A run as the job would have left it."""

    def add(job: str, **given: Any) -> JobRun:
        now = datetime.now(UTC)
        values = {"state": RunState.SUCCEEDED, "slot": str(uuid7()), "node": "portal-1:7", "started_at": now}
        values |= {"heartbeat_at": now, "lease_until": now + timedelta(minutes=1), "ended_at": now} | given
        run = JobRun(job=job, **values)
        session.add(run)
        session.commit()
        return run

    return add


def test_every_job_shows_its_rhythm_and_that_it_never_ran(admin: Browser) -> None:
    admin.get(JOBS)
    for words in ("Payouts automatiques", "Chaque jour à 06:00 UTC", "Toutes les 15 minutes", "Jamais exécutée"):
        assert words in admin.words


def test_running_a_job_shows_what_it_did_and_leads_to_its_trace(
    admin: Browser, factory: Factory, session: Session, change_settings: Any
) -> None:
    change_settings(payout_auto_approve_limit=Decimal(10_000))
    factory.creator(payout_schedule=PayoutSchedule.DAILY)
    poor = factory.creator(payout_schedule=PayoutSchedule.DAILY, balance_minor=5, name="Paul Pauvre")
    admin.get(f"{PAYOUTS}/run")
    admin.submit("/process-payouts/run")
    assert "lancée" in admin.words
    assert "1 succès · 0 échec · 1 ignoré" in admin.words
    assert "Solde sous le minimum" in admin.words
    assert f"/dashboard/admin/creators/{poor.id}" in admin.text
    run = session.scalars(select(JobRun)).one()
    assert f"/dashboard/admin/traces/job_run/{run.id}" in admin.text
    trace = admin.get(f"/dashboard/admin/traces/job_run/{run.id}")
    assert trace.status_code == 200
    assert "CRON_PAYOUT_COMPLETED" in admin.words
    assert "CRON_JOB_REQUESTED" in admin.words


def test_a_job_that_runs_is_not_started_twice(admin: Browser, ran: Any) -> None:
    ran("process-payouts", state=RunState.RUNNING, ended_at=None, done=3, total=12)
    admin.get(PAYOUTS)
    assert "3 sur 12" in admin.words
    assert '<progress aria-label="Avancement" value="3" max="12">' in admin.text
    assert "Lancer maintenant" not in admin.words
    admin.get(f"{PAYOUTS}/run")
    admin.submit("/process-payouts/run")
    assert "déjà en cours" in admin.words


def test_progress_asks_for_the_page_again_when_the_run_has_ended(admin: Browser, ran: Any) -> None:
    running = ran("process-payouts", state=RunState.RUNNING, ended_at=None, done=3, total=12)
    assert "X-Reload" not in admin.get(f"{PAYOUTS}/progress").headers
    assert running.id
    ran("roll-up-logs")
    assert admin.get(f"{JOBS}/roll-up-logs/progress").headers["X-Reload"] == "true"


def test_a_failed_run_shows_its_error_and_stack(admin: Browser, ran: Any) -> None:
    ran("roll-up-logs", state=RunState.FAILED, error="Traceback (most recent call last):\nValueError: no <hour>\n")
    admin.get(f"{JOBS}/roll-up-logs")
    assert "Échouée" in admin.words
    assert "ValueError: no <hour>" in admin.words
    assert "<hour>" not in admin.text
    assert "portal-1:7" in admin.words


def test_a_run_whose_holder_stopped_is_shown_as_interrupted(admin: Browser, ran: Any) -> None:
    past = datetime.now(UTC) - timedelta(minutes=5)
    ran("roll-up-logs", state=RunState.RUNNING, ended_at=None, lease_until=past)
    admin.get(f"{JOBS}/roll-up-logs")
    assert "Interrompue" in admin.words
    assert "Exécution en cours" not in admin.words


def test_pausing_wants_a_reason_and_shows_it(admin: Browser, session: Session) -> None:
    admin.get(f"{PAYOUTS}/pause")
    admin.submit("/process-payouts/pause", reason="trop")
    assert admin.status == 422
    assert "10 à 500" in admin.words
    admin.submit("/process-payouts/pause", reason=REASON)
    assert "Suspendue par Ada" in admin.words
    assert REASON in admin.words
    assert "Lancer maintenant" not in admin.words
    admin.get(f"{PAYOUTS}/run")
    admin.submit("/process-payouts/run")
    assert "suspendue" in admin.words
    admin.get(f"{PAYOUTS}/resume")
    admin.submit("/process-payouts/resume", reason="La banque répond de nouveau")
    assert "Lancer maintenant" in admin.words
    types = session.scalars(select(Log.type).where(Log.type.startswith("CRON_"))).all()
    assert sorted(types) == ["CRON_JOB_PAUSED", "CRON_JOB_RESUMED"]


def test_a_late_job_is_told_at_the_top(admin: Browser, session: Session) -> None:
    now = datetime.now(UTC)
    session.add(Setting(name="job_late:roll-up-logs", value={"since": now.isoformat()}, set_at=now))
    session.commit()
    admin.get(JOBS)
    assert "n’a pas réussi depuis plus de deux périodes" in admin.words
    admin.get(f"{JOBS}/roll-up-logs")
    assert "CRITICAL" in admin.words


def test_reconciliation_shows_its_four_buckets(admin: Browser, factory: Factory, ran: Any) -> None:
    payout = factory.payout(factory.creator())
    pair = {"bucket": "differ", "payoutId": str(payout.id), "creatorId": None, "stripePayoutId": "po_1"}
    pair |= {"account": "acct_1", "ours": [12345, "EUR", "PAID"], "stripe": [12300, "EUR", "paid"]}
    buckets = {"agree": 41, "only_ours": 0, "only_stripe": 0, "differ": 1}
    old = [{"account": "acct_2", "currency": "EUR", "amountMinor": 5000}]
    found = {"accounts": 9, "repaired": 2, "buckets": buckets, "pairs": [pair], "oldBalances": old}
    ran("reconcile-stripe", summary={"checked": 10, "repaired": 2, "unmatched": 0, "compare": found})
    admin.get(f"{JOBS}/reconcile-stripe")
    for words in ("Identiques 41", "Différents 1", "9 comptes", "123,45", "123,00", "1 solde a plus de 60 jours"):
        assert words in admin.words.replace("\u00a0", " "), words
    assert str(payout.id) in admin.text


def test_the_api_says_how_each_job_stands(admin: Browser, ran: Any) -> None:
    ran("process-payouts", summary={"processed": 4})
    body = admin.client.get("/api/admin/jobs").get_json()
    first = body["items"][0]
    assert (first["name"], first["lastRun"]["summary"], body["nextCursor"]) == (
        "process-payouts", {"processed": 4}, None,
    )  # fmt: skip
    assert first["nextRunAt"].endswith("T06:00:00.000Z")
    assert admin.client.get("/api/admin/jobs?x=1").status_code == 400


def test_an_unknown_job_is_not_found(admin: Browser) -> None:
    for path in ("/nothing", "/nothing/run", "/nothing/pause", "/nothing/progress"):
        assert admin.get(JOBS + path).status_code == 404


def test_job_pages_are_for_admins_only(app: Flask, factory: Factory) -> None:
    for path in (JOBS, PAYOUTS, f"{PAYOUTS}/run", "/api/admin/jobs"):
        assert Browser(app).get(path, follow=False).status_code in {302, 401}
        assert Browser(app).sign_in(factory.creator().email).get(path).status_code == 403


def test_starting_a_job_wants_a_post_with_a_token(admin: Browser, session: Session) -> None:
    assert admin.client.post(f"{PAYOUTS}/run").status_code == 400
    assert admin.get(f"{PAYOUTS}/run").status_code == 200
    assert session.scalars(select(JobRun)).all() == []


def test_operators_list_and_run_jobs_from_the_command_line(app: Flask, session: Session) -> None:
    from portal.jobs.commands import jobs

    runner = app.test_cli_runner()
    told = runner.invoke(jobs, ["run", "keep-partitions"])
    assert (told.exit_code, "keep-partitions SUCCEEDED" in told.output) == (0, True)
    assert "keep-partitions" in runner.invoke(jobs, ["list"]).output
    with app.app_context():
        run = app.extensions["jobs"].run_now("keep-partitions", SYSTEM, wait=True)
    assert run
