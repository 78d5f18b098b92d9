"""/healthz, /readyz and /metrics: what they say, and to whom."""

from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.orm import Session

from portal.models import InboxState, PayoutStatus
from portal.queries import readiness
from tests.browser import Browser
from tests.conftest import SECRETS
from tests.factories import Factory
from tests.portal_process import PortalProcess, wait_until
from tests.webhooks.inbox import Inbox

TOKEN = "a-token-for-the-measures"


def measured(text: str) -> dict[tuple[str, ...], float]:
    """Every sample by its name and its labels' values."""
    families = text_string_to_metric_families(text)
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def test_ready_means_database_migrations_and_folder(app: Flask, change_settings: Any, tmp_path: Path) -> None:
    client = app.test_client()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok", "reasons": {}})
    (tmp_path / "file").touch()
    change_settings(instance=tmp_path / "file" / "below")
    assert client.get("/readyz").json["reasons"] == {"instance": "not writable"}
    assert client.get("/healthz").status_code == 200


def test_an_older_or_absent_database_is_not_ready(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    client = app.test_client()
    monkeypatch.setitem(app.extensions, "newest_revision", lambda: "9999")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json["reasons"]["migrations"].endswith("the code wants 9999")
    from portal.blueprints import health

    monkeypatch.setattr(health, "reached_revision", lambda session: None)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["reasons"]) == (503, {"database": "no answer"})
    assert readiness.reached_revision is not health.reached_revision


def test_the_measures_are_this_machines_or_the_tokens(app: Flask, change_settings: Any) -> None:
    client = app.test_client()
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": "203.0.113.9"}).status_code == 404
    for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"):
        assert client.get("/metrics", headers={header: "127.0.0.1"}).status_code == 404
    change_settings(metrics_token=TOKEN)
    assert client.get("/metrics").status_code == 404
    for wrong in ("", f"Bearer {TOKEN}x", TOKEN, "Bearer é"):
        assert client.get("/metrics", headers={"Authorization": wrong}).status_code == 404
    told = {"Authorization": f"Bearer {TOKEN}", "X-Forwarded-For": "203.0.113.9"}
    assert client.get("/metrics", headers=told).status_code == 200


def test_the_measures_say_how_queues_and_payouts_stand(
    app: Flask, browser: Browser, factory: Factory, session: Session
) -> None:
    factory.payout(factory.creator(), status=PayoutStatus.REVIEW)
    inbox = Inbox(app, session)
    inbox.post("evt_waits", "acct_x")
    inbox.post("evt_dead", "acct_x")
    event = inbox.row("evt_dead")
    event.state, event.next_try_at = InboxState.DEAD, None
    session.commit()
    browser.sign_in(factory.admin().email)
    before = measured(browser.get("/metrics").text)
    browser.get("/dashboard/admin/payouts")
    browser.client.open("/dashboard/admin/payouts", method="BREW")
    found = measured(browser.get("/metrics").text)
    assert found[("portal_database_up",)] == 1
    assert found[("portal_webhook_backlog",)] == 1
    assert found[("portal_webhook_dead_letters",)] == 1
    assert found[("portal_payouts", "REVIEW")] == 1
    assert found[("portal_payouts", "PAID")] == 0
    assert found[("portal_log_rows_total", "INFO")] >= 1
    assert found[("portal_spool_lines",)] == 0
    assert found[("portal_db_connections", "used")] + found[("portal_db_connections", "idle")] >= 1
    key = ("portal_requests_total", "payouts.index", "GET", "200")
    assert found[key] - before.get(key, 0) == 1
    assert found[("portal_requests_total", "none", "other", "405")] >= 1


def test_any_worker_adds_up_what_all_counted_and_a_dead_ones_counts_stay(
    app: Flask, database_url: str, tmp_path: Path
) -> None:
    environ = {**SECRETS, "DATABASE_URL": database_url, "PORTAL_INSTANCE": str(tmp_path), "WEB_CONCURRENCY": "2"}
    environ |= {"JOBS": "off", "TRUSTED_PROXIES": "0"}
    with PortalProcess(environ, tmp_path / "portal.log") as portal:
        for _ in range(40):
            urlopen(f"{portal.url}/healthz").close()

        def count() -> float:
            with urlopen(f"{portal.url}/metrics") as answer:
                return measured(answer.read().decode())[("portal_requests_total", "health.healthz", "GET", "200")]

        seen = count()
        assert seen >= 40
        assert [count() for _ in range(5)] == [seen] * 5
        _forged_headers_change_nothing(portal.url, tmp_path / "portal.log")
        for child in _children(portal.process.pid):
            child.kill()
        wait_until(lambda: len(_children(portal.process.pid)) == 2 and _answers(portal.url), "two new workers")
        assert count() >= seen


def _forged_headers_change_nothing(url: str, log: Path) -> None:
    """Over gunicorn itself, which would by default believe this machine's X-Forwarded-Proto."""
    forged = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "evil.test"}
    forged["SCRIPT-NAME"] = "/evil"
    with urlopen(Request(f"{url}/login", headers=forged)) as answer:
        assert "Strict-Transport-Security" not in answer.headers
        assert "evil" not in answer.read().decode()


def _answers(url: str) -> bool:
    try:
        urlopen(f"{url}/healthz").close()
    except OSError:
        return False
    return True


def _children(pid: int) -> list[Any]:
    import psutil

    return psutil.Process(pid).children()
