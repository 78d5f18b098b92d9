"""The log's pages: filters as a form and pills, rows that open, permanent links, rights."""

import re
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.factories import Factory
from tests.queries.books import NOON, Event, Money, minutes, write, write_money

LOGS = "/dashboard/admin/system-logs"


@pytest.fixture
def admin(browser: Browser, factory: Factory) -> Browser:
    """A signed-in admin, over books that hold nothing."""
    browser.sign_in(factory.admin().email)
    factory.session.execute(text("set session_replication_role = replica"))
    factory.session.execute(text("truncate log, transaction_log restart identity"))
    factory.session.execute(text("set session_replication_role = default"))
    factory.session.commit()
    return browser


def shown(browser: Browser) -> list[int]:
    return [int(found) for found in re.findall(r'<tr id="log-\d+" data-log-id="(\d+)"', browser.text)]


def link(browser: Browser, rel: str) -> str | None:
    found = re.search(rf'rel="{rel}" href="([^"]+)"', browser.text)
    return unescape(found[1]) if found else None


def test_without_filters_the_whole_log_is_shown_newest_first(admin: Browser, session: Session) -> None:
    old, new = write(session, [Event(at=NOON - timedelta(days=80)), Event(at=NOON)])
    admin.get(LOGS)
    assert shown(admin) == [new, old]


def test_rows_say_what_they_are_to_scripts(admin: Browser, session: Session) -> None:
    [row] = write(session, [Event("PAYOUT_FAILED", "ERROR", "SYSTEM")])
    admin.get(LOGS)
    assert f'data-log-id="{row}" data-type="PAYOUT_FAILED" data-level="ERROR" data-actor="SYSTEM"' in admin.text


def test_the_form_filters_without_javascript_and_keeps_the_other_filters(admin: Browser, session: Session) -> None:
    write(session, [Event("USER_LOGIN"), Event("PAYOUT_FAILED", "ERROR", message="Solde insuffisant")])
    admin.get(f"{LOGS}?level=ERROR&limit=25&type=-CRON_*")
    form = admin.text.partition('<form class="filters" method="get"')[2].partition("</form>")[0]
    kept = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]+)"', form)
    assert kept == [("level", "ERROR"), ("limit", "25"), ("type", "-CRON_*")]
    names = re.findall(r'<input type="(?:search|text)"[^>]* name="([^"]+)"', form)
    admin.get(LOGS, query_string=[*kept, *((name, "solde" if name == "q" else "") for name in names)])
    assert shown(admin) == [2]


def test_each_filter_is_a_pill_that_removes_or_turns_it_around(admin: Browser, session: Session) -> None:
    write(session, [Event("USER_LOGIN"), Event("CRON_PAYOUT_STARTED")])
    admin.get(f"{LOGS}?type=CRON_*")
    assert shown(admin) == [2]
    turn = re.search(r'class="pill-invert" href="([^"]+)"', admin.text)
    remove = re.search(r'class="pill-remove" href="([^"]+)"', admin.text)
    assert turn is not None
    assert remove is not None
    admin.get(unescape(turn[1]))
    assert shown(admin) == [1]
    assert "sauf" in admin.words
    admin.get(unescape(remove[1]))
    assert shown(admin) == [2, 1]


def test_next_and_previous_walk_every_row_once(admin: Browser, session: Session) -> None:
    ids = write(session, [Event(at=NOON + minutes(n // 3)) for n in range(60)])
    admin.get(f"{LOGS}?limit=25&actor=SYSTEM")
    seen, pages = shown(admin), 1
    while (following := link(admin, "next")) is not None:
        admin.get(following)
        seen += shown(admin)
        pages += 1
    assert seen == ids[::-1]
    assert pages == 3
    back = link(admin, "prev")
    assert back is not None
    admin.get(back)
    assert shown(admin) == ids[::-1][25:50]


def test_an_empty_page_names_the_filter_that_emptied_it(admin: Browser, session: Session) -> None:
    write(session, [Event("USER_LOGIN", actor="USER")])
    admin.get(f"{LOGS}?type=USER_LOGIN&actor=GUEST")
    assert shown(admin) == []
    assert "<table" not in admin.text
    assert "Le filtre « acteur GUEST » écarte tout ce que les autres gardent." in admin.words
    assert "Retirer « acteur GUEST »" in admin.words
    assert "Effacer les filtres" in admin.words


def test_an_empty_range_offers_all_time(admin: Browser, session: Session) -> None:
    write(session, [Event(at=NOON - timedelta(days=30))])
    admin.get(f"{LOGS}?from=now-1h")
    assert "Élargir à toute la durée" in admin.words
    found = re.search(r'href="([^"]+)">Élargir à toute la durée', admin.text)
    assert found is not None
    admin.get(unescape(found[1]))
    assert shown(admin) == [1]


def test_an_empty_book_offers_no_filter_to_remove(admin: Browser) -> None:
    admin.get(LOGS)
    assert "Rien n’a encore été écrit." in admin.words
    assert "Effacer les filtres" not in admin.words


def test_a_bad_parameter_is_named_and_leads_back_without_it(admin: Browser, session: Session) -> None:
    write(session, [Event()])
    page = admin.get(f"{LOGS}?level=DEBUG&actor=SYSTEM")
    assert page.status_code == 400
    assert "INFO, WARNING, ERROR, CRITICAL" in admin.words
    found = re.search(r'href="([^"]+)">Corriger la recherche', admin.text)
    assert found is not None
    assert unescape(found[1]) == f"{LOGS}?actor=SYSTEM"
    assert admin.get(unescape(found[1])).status_code == 200


@pytest.mark.parametrize("query", ["open=x", "open=-1", "open=99999999999999999999", "page=2", "q=ab", "q=%00abc"])
def test_what_a_page_does_not_take_is_400(admin: Browser, query: str) -> None:
    assert admin.get(f"{LOGS}?{query}").status_code == 400


def test_a_row_opens_in_place_without_javascript(admin: Browser, session: Session) -> None:
    first, second = write(session, [Event(details={"note": "alpha-7"}), Event(details={"note": "bravo-8"})])
    admin.get(LOGS)
    opening = re.findall(r'<td class="c-time"[^>]*><a href="([^"]+)"', admin.text)
    admin.get(unescape(opening[0]))
    assert "bravo-8" in admin.words
    assert "alpha-7" not in admin.words
    assert f'href="{LOGS}/{second}"' in admin.text
    assert shown(admin) == [second, first]


def test_the_fragment_narrows_the_search_it_was_opened_from(admin: Browser, session: Session) -> None:
    [row] = write(
        session, [Event("PAYOUT_FAILED", "ERROR", details={"payoutId": "p-77", "failureCode": "no_account"})]
    )
    admin.get(f"{LOGS}?level=ERROR")
    found = re.search(r'data-expand="([^"]+)"', admin.text)
    assert found is not None
    admin.get(unescape(found[1]))
    assert "<html" not in admin.text
    links = [unescape(href) for href in re.findall(r'class="icon-button" href="([^"]+)"', admin.text)]
    assert f"{LOGS}?level=ERROR&q=payoutId%3Ap-77" in links
    assert f"{LOGS}?level=ERROR&q=failureCode%3Ano_account" in links
    assert f"{LOGS}?level=ERROR&q=-failureCode%3Ano_account" in links
    for href in links:
        assert admin.get(href).status_code == 200
        assert shown(admin) == ([] if "q=-" in href else [row])


def test_a_fragment_is_also_asked_for_by_header(admin: Browser, session: Session) -> None:
    [row] = write(session, [Event()])
    assert "<html" not in admin.get(f"{LOGS}/{row}", headers={"X-Fragment": "true"}).text
    assert "<html" in admin.get(f"{LOGS}/{row}").text


def test_the_permanent_page_shows_the_event_its_request_and_its_neighbours(
    admin: Browser, session: Session
) -> None:
    request = Event().request_id
    details = {
        "payoutId": "p-1",
        "creatorId": "c-1",
        "previousStatus": "REQUESTED",
        "newStatus": "APPROVED",
        "errorStack": "Traceback (most recent call last):\n  ValueError",
    }
    events = [Event(message=f"voisin {n}", at=NOON + minutes(n)) for n in range(20)]
    events[10] = Event(
        "PAYOUT_APPROVED", "INFO", "ADMIN", "a-1", "Payout approuvé", details, request, NOON + minutes(10)
    )
    events[2] = Event("PAYOUT_APPROVAL_INITIATED", request_id=request, message="voisin 2", at=NOON + minutes(2))
    ids = write(session, events)
    write_money(session, [Money("PAYOUT_CREATED", request_id=request, amount_minor=123450, currency="EUR")])
    admin.get(f"{LOGS}/{ids[10]}")
    assert "Payout approuvé" in admin.words
    assert "Traceback (most recent call last):" in admin.words
    assert "Statut avant REQUESTED après APPROVED" in admin.words
    assert "1\u202f234,50\xa0€" in unescape(admin.text)
    around = admin.text.partition('id="around"')[2]
    assert [n for n in range(20) if f"voisin {n}<" in around] == [5, 6, 7, 8, 9, 11, 12, 13, 14, 15]
    mine = admin.text.partition('id="request"')[2].partition('id="around"')[0]
    assert "PAYOUT_APPROVAL_INITIATED" in mine
    assert "voisin 9<" not in mine
    for href in ("/traces/payout/p-1", "/traces/creator/c-1", f"/traces/request/{request}", "actorId=a-1"):
        assert href in admin.text


def test_more_of_the_neighbours_is_a_page_of_the_log_from_there(admin: Browser, session: Session) -> None:
    ids = write(session, [Event(at=NOON + minutes(n)) for n in range(20)])
    admin.get(f"{LOGS}/{ids[10]}")
    older = re.search(r'href="([^"]+)">Plus anciens', admin.text)
    newer = re.search(r'href="([^"]+)">Plus récents', admin.text)
    assert older is not None
    assert newer is not None
    admin.get(unescape(older[1]))
    assert shown(admin) == ids[:10][::-1]
    admin.get(unescape(newer[1]))
    assert shown(admin) == ids[11:][::-1]


@pytest.mark.parametrize(
    "row", ["1", "0", "x", "-1", "1.5", "99999999999999999999", "9223372036854775808", "%00", "²"]
)
def test_an_event_that_does_not_exist_is_404(admin: Browser, row: str) -> None:
    assert admin.get(f"{LOGS}/{row}").status_code == 404


def test_metadata_is_shown_and_never_run(admin: Browser, session: Session) -> None:
    nasty = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
    odd = {
        "<b>key</b>": nasty,
        "payoutId": nasty,
        "emoji": "🦊‮‏",
        "newlines": "a\nb\t\u2028",
        "deep": [{"x": [nasty]}],
    }
    [row] = write(session, [Event(message=nasty, actor_id=nasty, details={**odd, "errorStack": nasty})])
    for address in (LOGS, f"{LOGS}?open={row}", f"{LOGS}/{row}", f"{LOGS}/{row}?partial=1"):
        assert admin.get(address).status_code == 200
        assert "<script>alert" not in admin.text
        assert "<img src=x" not in admin.text
        assert "<b>key</b>" not in admin.text
    assert admin.get(f"{LOGS}?q=%3Cscript%3Ealert(9)%3C/script%3E").status_code == 200
    assert "<script>alert" not in admin.text


def test_times_are_in_the_readers_zone_and_language(admin: Browser, session: Session) -> None:
    [row] = write(session, [Event(at=NOON.replace(microsecond=123456))])
    admin.get(LOGS)
    assert "01/11/2026 13:00:00" in admin.words
    admin.get(f"{LOGS}/{row}")
    assert "01/11/2026 13:00:00.123" in admin.words
    admin.get("/language/en?next=/")
    admin.get(LOGS)
    assert "Nov 1, 2026 13:00:00" in admin.words or "1 Nov 2026 13:00:00" in admin.words
    assert 'lang="fr">Connexion réussie' in admin.text


def test_what_the_range_means_follows_the_zone_asked_for(admin: Browser, session: Session) -> None:
    write(session, [Event(at=NOON.replace(day=1, hour=22, minute=59)), Event(at=NOON.replace(day=1, hour=23))])
    admin.get(f"{LOGS}?from=2026-11-02")
    assert shown(admin) == [2]
    admin.get(f"{LOGS}?from=2026-11-02&tz=UTC")
    assert shown(admin) == []


@pytest.mark.parametrize("address", [LOGS, f"{LOGS}/1", f"{LOGS}?level=nonsense"])
def test_a_visitor_is_sent_to_sign_in(browser: Browser, address: str) -> None:
    assert browser.get(address, follow=False).headers["Location"].startswith("/login?next=")


@pytest.mark.parametrize("address", [LOGS, f"{LOGS}/1", f"{LOGS}?level=nonsense"])
@pytest.mark.parametrize("role", ["USER", "CREATOR"])
def test_only_admins_read_the_log(browser: Browser, factory: Factory, address: str, role: str) -> None:
    somebody = factory.user() if role == "USER" else factory.creator(account=False).user
    browser.sign_in(somebody.email)
    assert browser.get(address).status_code == 403
    newest = factory.session.execute(text("select type, actor from log order by id desc limit 1")).one()
    assert tuple(newest) == ("USER_ACCESS_DENIED", role)
