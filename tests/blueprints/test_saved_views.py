"""Saved views: kept, found in the menu, shared, renamed and deleted; names, strangers, two tabs, built-in ones."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.jobs import roll_up_logs
from portal.models import Role
from tests.audit.test_books import SPECIFICATION_QUERIES
from tests.browser import Browser
from tests.factories import Factory
from tests.queries.books import NOON, Event, minutes, write

LOGS, VIEWS = "/dashboard/admin/system-logs", "/dashboard/admin/views"
SEARCH = "level=ERROR&type=PAYOUT_*&columns=amount"


@pytest.fixture
def admin(browser: Browser, factory: Factory) -> Browser:
    """A signed-in admin."""
    return browser.sign_in(factory.admin().email)


@pytest.fixture
def other(app: Flask, factory: Factory) -> Browser:
    """Another admin."""
    return Browser(app).sign_in(factory.admin(name="Paul").email)


def keep(browser: Browser, name: str, *, shared: bool = False, query: str = SEARCH) -> int:
    """Keep a search through the explorer's own menu; the status of the answer."""
    browser.get(f"{LOGS}?{query}&cursor=" if query else LOGS)
    found = re.search(r'href="([^"]+)"[^>]*><svg[^>]*><use[^>]*></svg>Enregistrer cette recherche', browser.text)
    assert found is not None
    browser.get(unescape(found[1]))
    values = {"name": name} | ({"shared": "y"} if shared else {})
    browser.submit("/new", **values)
    return browser.status


def types(session: Session) -> list[str]:
    session.rollback()
    query = "select type from log where type like 'LOG_VIEW%' order by id"
    return list(session.scalars(text(query)))


def menu(browser: Browser) -> str:
    browser.get(LOGS)
    return unescape(re.sub(r"\s+", " ", browser.text.partition('"page-actions"')[2].partition("</details>")[0]))


def test_a_search_is_kept_with_its_columns(admin: Browser, other: Browser, session: Session) -> None:
    [row] = write(session, [Event("PAYOUT_FAILED", "ERROR", details={"amount": 77.5}, at=NOON)])
    assert keep(admin, "  Payouts   en échec ") == 200
    assert "Vue « Payouts en échec » enregistrée." in admin.words
    assert f'id="log-{row}"' in admin.text
    assert "77.5" in admin.words
    assert f'href="{LOGS}?level=ERROR&type=PAYOUT_*&columns=amount"' in menu(admin).replace("%2A", "*")
    assert "Payouts en échec" not in menu(other)
    assert keep(admin, "Pour tous", shared=True, query="") == 200
    owner = '<span>Pour tous <span class="muted small">'
    assert (owner in menu(other), owner in menu(admin), "Pour tous" in menu(admin)) == (True, False, True)
    assert types(session) == ["LOG_VIEW_SAVED", "LOG_VIEW_SAVED"]


def test_names_are_ones_own_or_shared_once(admin: Browser, other: Browser, session: Session) -> None:
    assert keep(admin, "Échecs") == 200
    assert keep(admin, "échecs") == 409
    assert "Une de vos vues s’appelle déjà « échecs »." in admin.words
    assert keep(other, "ÉCHECS", shared=True) == 200
    assert keep(admin, "Échecs 2", shared=True) == 200
    assert keep(other, "échecs 2", shared=True) == 409
    for name in ("", " ", "x" * 61, "a\u202eb"):
        assert keep(admin, name) == 422
    assert types(session).count("LOG_VIEW_REFUSED") == 6


def test_two_tabs_do_not_overwrite_each_other(admin: Browser, other: Browser, session: Session) -> None:
    keep(admin, "Un")
    view = session.execute(text("select id from saved_view")).scalar_one()
    admin.get(f"{VIEWS}/{view}/edit")
    late = admin.form("/edit").fields
    admin.submit("/edit", name="Deux")
    assert "Vue « Deux » modifiée." in admin.words
    again = admin.client.post(f"{VIEWS}/{view}/edit", data={**late, "name": "Trois"})
    assert again.status_code == 409
    assert "elle s’appelle maintenant « Deux »" in unescape(again.text)
    for act in ("edit", "delete"):
        assert other.get(f"{VIEWS}/{view}/{act}").status_code == 404
        other.get(VIEWS)
        token = other.csrf_token()
        signed = {"csrf_token": token, "name": "x"}
        assert other.client.post(f"{VIEWS}/{view}/{act}", data=signed).status_code == 404
        assert other.client.post(f"{VIEWS}/{view}/{act}", data={"name": "x"}).status_code == 400
    admin.get(f"{VIEWS}/{view}/delete")
    gone = admin.form("/delete").fields
    admin.submit("/delete")
    assert "Vue « Deux » supprimée." in admin.words
    assert admin.client.post(f"{VIEWS}/{view}/delete", data=gone).status_code == 404
    assert types(session)[-1] == "LOG_VIEW_DELETED"


def test_what_no_explorer_takes_is_not_kept(admin: Browser, session: Session) -> None:
    for query in ("book=log&query=level%3DDEBUG", "book=log&query=open%3Dx%26nothing%3D1", "book=diary", "x=1"):
        assert admin.get(f"{VIEWS}/new?{query}").status_code == 400
    long = "&".join(f"type=T{n}{'X' * 70}" for n in range(60))
    admin.get(f"{VIEWS}/new?book=log&query=")
    fields = admin.form("/new").fields | {"query": long, "name": "Longue"}
    assert admin.client.post(f"{VIEWS}/new", data=fields).status_code == 422
    assert session.execute(text("select count(*) from saved_view")).scalar_one() == 0


def ids_shown(browser: Browser, address: str) -> list[int]:
    browser.get(address)
    return [int(row) for row in re.findall(r'<tr id="log-(\d+)', browser.text)]


def asked(session: Session, question: str) -> list[Any]:
    """What the specification's own SQL answers, word for word."""
    session.rollback()
    return list(session.connection().exec_driver_sql(question.replace("%", "%%")).mappings().all())


def test_the_built_in_views_show_what_the_specifications_own_sql_finds(
    admin: Browser, app: Flask, session: Session
) -> None:
    now = datetime.now(UTC)
    levels, types = (
        ("INFO", "WARNING", "ERROR", "CRITICAL"),
        ("PAYOUT_PAID", "PAYOUT_FAILED", "CRON_PAYOUT_STARTED"),
    )
    kinds = [{"payoutId": "p-1"}, {"payoutId": "p-2"}, {"creatorId": "c-1"}, {}]
    rows = [
        Event(types[n % 3], levels[n % 4], details=kinds[n % 7 % 4], at=now - timedelta(hours=n * 7, minutes=5))
        for n in range(40)
    ]
    write(session, rows)
    admin.get(LOGS)  # what the pages themselves log, they have logged
    with app.app_context():
        roll_up_logs.count_hours(lambda *_: None)
    of_payouts, errors, summary = SPECIFICATION_QUERIES
    shown = menu(admin)
    links = dict(re.findall(r'<a href="([^"]+)"[^>]*><svg.*?</svg><span>([^<]+)</span>', shown))
    named, day, week = (
        href for href, name in links.items() if "Payouts" in name or "24 h" in name or "7 der" in name
    )
    assert ids_shown(admin, named) == [row["id"] for row in asked(session, of_payouts)]
    assert ids_shown(admin, day) == [row["id"] for row in asked(session, errors)]
    one = asked(session, of_payouts.replace("payoutId", "p-1"))
    assert len(one) > 1
    assert ids_shown(admin, f"{LOGS}?type=PAYOUT_*&entity=p-1") == [row["id"] for row in one]
    admin.get(week)
    of_types = re.compile(r'<td class="mono"[^>]*><a [^>]*>([^<]+)</a></td>(.*?)data-label="Total"', re.S)
    counts = {
        (type_, level): int(n)
        for type_, of_levels in of_types.findall(admin.text)
        for level, n in re.findall(r'data-label="(\w+)"><a [^>]*>(\d+)</a>', of_levels)
    }
    assert counts == {(row["type"], row["level"]): row["count"] for row in asked(session, summary)}


def test_the_specifications_three_questions_are_built_in(admin: Browser, session: Session) -> None:
    write(session, [Event("PAYOUT_PAID", details={"payoutId": "p-1"}), Event("PAYOUT_PAID"), Event("USER_LOGIN")])
    write(session, [Event("PAYOUT_PAID", at=NOON + minutes(n)) for n in range(3)])
    shown = menu(admin)
    for link in ("level=ERROR&level=CRITICAL&from=now-24h", "/groups?by=type&from=now-7d", 'name="entity"'):
        assert link in shown
    admin.get(f"{LOGS}?type=PAYOUT_*&entity=p-1")
    assert len(re.findall(r'<tr id="log-', admin.text)) == 1
    admin.get(f"{LOGS}/summary?from=2026-10-31&to=2026-11-02")
    assert admin.page is not None
    assert admin.page.request.full_path == f"{LOGS}/groups?by=type&from=2026-10-31&to=2026-11-02"
    first = re.search(r'data-label="Type"><a href="([^"]+)"', admin.text)
    assert first is not None
    assert "PAYOUT_PAID" in first[1]
    admin.get(unescape(first[1]))
    assert len(re.findall(r'<tr id="log-', admin.text)) == 5
    assert admin.get(f"{LOGS}/summary").status_code == 200
    assert admin.get(f"{LOGS}/summary?from=never").status_code == 400
    assert admin.get(f"{LOGS}/summary?page=2").status_code == 400


def test_an_auditor_uses_shared_views_and_keeps_none(admin: Browser, app: Flask, factory: Factory) -> None:
    keep(admin, "Pour tous", shared=True)
    auditor = Browser(app).sign_in(factory.user(Role.AUDITOR).email)
    assert "Pour tous" in menu(auditor)
    assert "Enregistrer cette recherche" not in menu(auditor)
    assert auditor.get(f"{VIEWS}/new?book=log").status_code == 403
