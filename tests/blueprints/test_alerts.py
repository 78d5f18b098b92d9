"""/dashboard/admin/alerts: what is wrong, what was, whom that was told to; taking on and silencing."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.domain.work import utc_now
from portal.models import Alert, AlertKind, AlertMessage, AlertSilence, Log, MessageKind, Role, uuid7
from tests.browser import Browser
from tests.factories import Factory

PAGE = "/dashboard/admin/alerts"
REASON = "Maintenance prévue cette nuit"
FACTS: dict[AlertKind, dict[str, Any]] = {
    AlertKind.CRITICAL: {"type": "CRON_JOB_LATE", "count": 2, "message": "<script>alert(1)</script>"},
    AlertKind.ERRORS: {"type": "API_ERROR", "count": 12, "usual": 1.5, "minutes": 15},
    AlertKind.JOB: {"job": "roll-up-logs", "expectedBy": "2026-11-27T08:00:00+00:00"},
    AlertKind.PAYOUTS: {"count": 3, "oldest": "2026-11-20T08:00:00+00:00"},
    AlertKind.WEBHOOKS: {"count": 1, "oldest": "2026-11-20T08:00:00+00:00"},
}


def alert(session: Session, kind: AlertKind = AlertKind.PAYOUTS, **columns: Any) -> Alert:
    now = utc_now()
    row = Alert(id=uuid7(), key=f"{kind}:x", kind=kind, facts=FACTS[kind], opened_at=now, seen_at=now)
    for name, value in columns.items():
        setattr(row, name, value)
    session.add(row)
    session.commit()
    return row


@pytest.fixture
def admin(browser: Browser, factory: Factory) -> Browser:
    return browser.sign_in(factory.admin(name="Ada Martin").email)


def test_without_alerts_all_is_well_and_nobody_is_told(admin: Browser) -> None:
    admin.get(PAGE)
    assert "Tout va bien" in admin.words
    assert "ALERT_TARGETS n’est pas réglé" in admin.words


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_kind_is_said_in_words_and_leads_somewhere(admin: Browser, session: Session, language: str) -> None:
    for kind in AlertKind:
        alert(session, kind)
        alert(session, kind, resolved_at=utc_now() + timedelta(hours=2))
    admin.get(f"/language/{language}")
    admin.get(PAGE)
    assert ("Erreurs en hausse" if language == "fr" else "Errors on the rise") in admin.words
    assert "12 err" in admin.words
    assert "<script>alert(1)" not in admin.text
    places = {"system-logs?type=CRON_JOB_LATE", "system-logs?type=API_ERROR", "/cron", "payouts?stuck=1"}
    for part in (*places - {"/cron"}, "webhooks?state=DEAD"):
        [href] = {h for h in hrefs(admin.text) if h.endswith(part)}
        assert Browser.get(admin, href).status_code == 200
        admin.get(PAGE)
    assert 'class="nav-badge">5<' in admin.text


def hrefs(text: str) -> list[str]:
    import html
    import re

    return [html.unescape(found) for found in re.findall(r'href="([^"]+)"', text)]


def test_taking_one_on_is_recorded_once(admin: Browser, session: Session) -> None:
    row = alert(session)
    admin.get(PAGE)
    admin.submit("/acknowledge")
    assert "Alerte prise en charge" in admin.words
    assert "Ada Martin" in admin.text
    again = {"csrf_token": admin.csrf_token()}
    admin.client.post(f"{PAGE}/{row.id}/acknowledge", data=again)
    assert "déjà prise en charge" in Browser.get(admin, PAGE).text
    [told] = session.scalars(select(Log).where(Log.type == "ALERT_ACKNOWLEDGED")).all()
    assert told.details["key"] == "payouts:x"


def test_a_silence_needs_a_time_and_a_reason_and_can_be_ended(admin: Browser, session: Session) -> None:
    row = alert(session)
    admin.get(f"{PAGE}/{row.id}/silence")
    assert admin.submit("/silence", reason="court").status_code == 422
    assert admin.submit("/silence", reason=REASON, hours="9999").status_code == 422
    assert admin.submit("/silence", reason=REASON, hours="24").status_code == 200
    assert "En sourdine" in admin.words
    silence = session.get_one(AlertSilence, row.key)
    assert timedelta(hours=23) < silence.until - utc_now() <= timedelta(hours=24)
    admin.submit("/unsilence")
    assert "Sourdine levée" in admin.words
    types = session.scalars(select(Log.type).where(Log.type.like("ALERT%")).order_by(Log.id)).all()
    assert types == ["ALERT_SILENCED", "ALERT_UNSILENCED"]


def test_messages_say_whether_they_were_sent(admin: Browser, session: Session) -> None:
    now = utc_now()
    states: list[dict[str, Any]] = [
        {"sent_at": now},
        {"next_try_at": now, "tries": 2, "last_error": "refusé (500)"},
        {"last_error": "ne répond pas", "tries": 12},
    ]
    for state in states:
        told = {"title": "t", "body": "b", "made_at": now, "kind": MessageKind.RAISED, "target": "json:1"}
        session.add(AlertMessage(id=uuid7(), reference=str(uuid7()), **told, **state))
    session.commit()
    words = Browser.get(admin, PAGE) and admin.words
    assert all(word in words for word in ("Envoyé", "En attente", "refusé (500)", "Abandonné"))


def test_only_admins_and_only_alerts_that_exist(
    app: Flask, admin: Browser, factory: Factory, session: Session
) -> None:
    row, missing = alert(session), uuid7()
    paths = [f"{PAGE}/{row.id}/{act}" for act in ("acknowledge", "silence", "unsilence")]
    admin.get(PAGE)
    token = {"csrf_token": admin.csrf_token()}
    for path in paths:
        assert admin.client.post(path.replace(str(row.id), str(missing)), data=token).status_code == 404
        assert admin.client.post(path).status_code == 400
    for role in (Role.USER, Role.CREATOR):
        other = Browser(app).sign_in((factory.creator().user if role is Role.CREATOR else factory.user()).email)
        other.get("/dashboard")
        token = {"csrf_token": other.csrf_token()}
        statuses = [other.client.get(PAGE).status_code, other.client.get(paths[1]).status_code]
        assert statuses + [other.client.post(path, data=token).status_code for path in paths] == [403] * 5
    guest = Browser(app)
    assert [guest.get(p, follow=False).status_code for p in (PAGE, paths[1])] == [302, 302]
    for bad in ("cursor=%00", "cursor=x", "limit=7", "q=x", "limit=" + "9" * 400):
        assert admin.client.get(f"{PAGE}?{bad}").status_code == 400
