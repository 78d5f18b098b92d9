"""The log's sums as pages show them: chart, facets, counts, groups; with and without JavaScript."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.blueprints.logs import charts
from portal.queries import facets, log_counts, paging, totals
from tests.browser import Browser
from tests.factories import Factory
from tests.queries.books import Event, Money, minutes, write, write_money

LOGS = "/dashboard/admin/system-logs"
MONEY = "/dashboard/admin/logs"
API = "/api/admin/system-logs"
HOUR_AGO = datetime.now(UTC) - timedelta(hours=1)
FRAGMENT = {"X-Fragment": "true"}


@pytest.fixture
def admin(browser: Browser, factory: Factory) -> Browser:
    """A signed-in admin, over a log that holds nothing."""
    browser.sign_in(factory.admin().email)
    factory.session.execute(text("set session_replication_role = replica"))
    factory.session.execute(text("truncate log, transaction_log restart identity"))
    factory.session.execute(text("set session_replication_role = default"))
    factory.session.commit()
    return browser


def asked_for(browser: Browser, part: str, page: str = LOGS) -> str:
    """The address that the page asks for after its rows."""
    found = re.search(rf'data-get="({page}/{part}[^"]*)"', browser.text)
    assert found is not None
    return unescape(found[1])


def followed(browser: Browser, words: str) -> None:
    found = re.search(rf'href="([^"]+)"[^>]*>(?:<[^>]+>)*{words}', browser.text)
    assert found is not None, words
    browser.get(unescape(found[1]))


def test_the_chart_is_asked_for_after_the_rows_and_shades_them(admin: Browser, session: Session) -> None:
    write(session, [Event(level="ERROR", at=HOUR_AGO + minutes(n)) for n in range(30)])
    admin.get(f"{LOGS}?limit=25&level=ERROR&from=now-24h")
    assert '<svg class="bars"' not in admin.text
    admin.get(asked_for(admin, "histogram"), headers=FRAGMENT)
    assert "<html" not in admin.text
    assert 'class="covered"' in admin.text
    assert "30" in admin.words
    zoom = re.search(r'data-zoom="([^"]+)"', admin.text)
    assert zoom is not None
    assert unescape(zoom[1]) == f"{LOGS}?limit=25&level=ERROR&from=__FROM__&to=__TO__"


def test_without_javascript_a_link_draws_the_chart_in_the_page(admin: Browser, session: Session) -> None:
    write(session, [Event(at=HOUR_AGO)])
    admin.get(f"{LOGS}?actor=SYSTEM")
    followed(admin, "Afficher l’histogramme")
    assert '<svg class="bars"' in admin.text
    assert 'data-get="' + LOGS + "/histogram" not in admin.text
    links = re.findall(r'<tr data-from="[^"]+" data-to="[^"]+"><td[^>]*><a href="([^"]+)"', admin.text)
    counts = []
    for href in (unescape(link) for link in links):
        admin.get(href)
        counts.append(len(re.findall('<tr id="log-', admin.text)))
    assert sum(counts) == 1


def test_a_folded_chart_is_not_queried_and_stays_folded(
    admin: Browser, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(session, [Event(at=HOUR_AGO)])
    monkeypatch.setattr(charts, "log_histogram", None)
    admin.get(f"{LOGS}?actor=SYSTEM")
    followed(admin, "Replier")
    assert "/histogram" not in admin.text
    assert '<svg class="bars"' not in admin.text
    followed(admin, "24 h")
    assert "/histogram" not in admin.text
    assert '<input type="hidden" name="chart" value="off">' in admin.text
    followed(admin, "Déplier")
    assert "/histogram" in admin.text


def test_a_chart_that_takes_too_long_says_so_and_spares_the_page(
    admin: Browser, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(session, [Event(at=HOUR_AGO)])

    def slow(*_: object, **__: object) -> None:
        raise paging.BadParameter("from", "", "une recherche plus étroite")

    monkeypatch.setattr(charts, "log_histogram", slow)
    for address in (f"{LOGS}/histogram", f"{LOGS}?chart=on"):
        assert admin.get(address).status_code == 200
        assert "Compter demande plus de trois secondes." in admin.words


@pytest.mark.parametrize(
    "query",
    ["level=DEBUG", "rowsFrom=x", "rowsTo=2026-11-01T10:00:00", "tz=Mars/Base", "chart=on", "from=2026-13-01"],
)
def test_bad_parameters_are_named(admin: Browser, query: str) -> None:
    page = admin.get(f"{LOGS}/histogram?{query}")
    assert page.status_code == 400
    assert query.partition("=")[0] in admin.words


def test_the_book_of_money_has_its_chart_boxes_and_count(admin: Browser, session: Session) -> None:
    kinds = [("PAYOUT_FAILED", "PAYOUT"), ("PAYOUT_PAID", "PAYOUT"), ("WEBHOOK_RECEIVED", "PAYMENT")]
    write_money(session, [Money(*kinds[n % 3], at=HOUR_AGO + minutes(n)) for n in range(30)])
    admin.get(f"{MONEY}?limit=25&entityType=PAYOUT")
    assert '<svg class="bars"' not in admin.text
    parts = {part: asked_for(admin, part, MONEY) for part in ("histogram", "facets", "count")}
    admin.get(parts["histogram"], headers=FRAGMENT)
    assert re.findall(r'(INFO|ERROR) <span class="num">(\d+)', admin.text) == [("ERROR", "10"), ("INFO", "10")]
    assert unescape(re.findall(r'data-zoom="([^"]+)"', admin.text)[0]).startswith(
        f"{MONEY}?limit=25&entityType=PAYOUT"
    )
    assert 'class="covered"' in admin.text
    admin.get(parts["facets"], headers=FRAGMENT)
    assert [count_of(admin, value) for value in ("PAYOUT", "PAYMENT", "REFUND")] == ["20", "10", "0"]
    assert "Paiement 10" in admin.words
    assert [count_of(admin, value) for value in ("PAYOUT_*", "PAYOUT_PAID")] == ["20", "10"]
    admin.get(f"{MONEY}?entityType=PAYOUT&chart=on")
    assert "data-get" not in admin.text.partition('class="panel"')[2].partition("</section>")[0]
    assert count_of(admin, "PAYMENT") == "10"
    links = re.findall(r'<tr data-from="[^"]+" data-to="[^"]+"><td[^>]*><a href="([^"]+)"', admin.text)
    assert sum(rows_at(admin, unescape(link)) for link in links) == 20


def rows_at(browser: Browser, href: str) -> int:
    browser.get(href)
    return len(re.findall("<tr [^>]*data-log-id", browser.text))


def test_the_sums_of_money_as_json(admin: Browser, session: Session) -> None:
    write_money(session, [Money("PAYOUT_FAILED", at=HOUR_AGO), Money("REFUND_CREATED", "REFUND", at=HOUR_AGO)])
    bars = admin.client.get("/api/admin/logs/histogram?from=now-24h&entityType=PAYOUT").json
    assert (bars["total"], bars["source"], bars["step"]) == (1, "rows", "PT30M")
    assert [bar["counts"]["ERROR"] for bar in bars["bars"] if bar["total"]] == [1]
    boxes = admin.client.get("/api/admin/logs/facets?entityType=REFUND").json
    assert boxes["eventType"] == {"values": [{"value": "REFUND_CREATED", "count": 1}], "isCapped": False}
    assert {box["value"]: box["count"] for box in boxes["entityType"]["values"]} == {"PAYOUT": 1, "REFUND": 1}
    assert admin.client.get("/api/admin/logs/facets?level=ERROR").json["details"]["parameter"] == "level"


def test_a_chart_is_on_or_off(admin: Browser) -> None:
    assert admin.get(f"{LOGS}?chart=maybe").status_code == 400
    assert "on ou off" in admin.words


def test_the_histogram_as_json(admin: Browser, session: Session) -> None:
    at = HOUR_AGO.replace(minute=0, second=0, microsecond=0)
    write(session, [Event(at=at), Event(level="CRITICAL", at=at), Event(type="PAYOUT_PAID", at=at)])
    answer = admin.client.get(f"{API}/histogram?from=now-24h&type=USER_LOGIN&tz=America/New_York").json
    assert (answer["step"], answer["timezone"], answer["total"], answer["source"]) == (
        "PT30M", "America/New_York", 2, "rows"
    )  # fmt: skip
    [bar] = [bar for bar in answer["bars"] if bar["total"]]
    assert bar["counts"] == {"INFO": 1, "WARNING": 0, "ERROR": 0, "CRITICAL": 1}
    assert datetime.fromisoformat(bar["start"]) == at
    bad = admin.client.get(f"{API}/histogram?chart=on")
    assert (bad.status_code, bad.json["details"]["parameter"]) == (400, "chart")


def test_only_admins_read_sums(app: Flask, browser: Browser, factory: Factory) -> None:
    pages = [f"{LOGS}/{part}" for part in ("histogram", "facets", "count")] + [
        f"{MONEY}/{part}" for part in ("histogram", "facets", "count")
    ]
    calls = [f"{API}/{part}" for part in ("histogram", "facets", "count")] + ["/api/admin/logs/count"]
    assert {browser.client.get(path).status_code for path in pages} == {302}
    assert {browser.client.get(path).status_code for path in calls} == {401}
    for person in (factory.user(), factory.creator().user):
        other = Browser(app).sign_in(person.email)
        assert {other.client.get(path).status_code for path in pages + calls} == {403}


def count_of(browser: Browser, value: str) -> str | None:
    """What stands beside the box of a value."""
    name = r"<a [^>]*>(?:[^<]|<wbr>)*</a>"
    pattern = rf'value="{re.escape(value)}"[^>]*>\s*{name}<span class="num muted">([^<]*)</span>'
    found = re.search(pattern, browser.text)
    return found[1] if found else None


def test_each_count_leaves_its_own_filter_out(admin: Browser, session: Session) -> None:
    kinds = [
        ("USER_LOGIN", "INFO", "USER"),
        ("PAYOUT_FAILED", "ERROR", "SYSTEM"),
        ("PAYOUT_PAID", "INFO", "SYSTEM"),
    ]
    write(session, [Event(*kinds[n % 3], at=HOUR_AGO + minutes(n)) for n in range(30)])
    admin.get(f"{LOGS}?level=ERROR")
    assert count_of(admin, "ERROR") is None
    admin.get(asked_for(admin, "facets"), headers=FRAGMENT)
    assert "<html" not in admin.text
    assert [count_of(admin, level) for level in ("CRITICAL", "ERROR", "INFO")] == ["0", "10", "20"]
    assert [count_of(admin, actor) for actor in ("USER", "SYSTEM")] == ["0", "10"]
    assert (count_of(admin, "PAYOUT_FAILED"), count_of(admin, "PAYOUT_PAID")) == ("10", None)
    admin.get(f"{LOGS}/facets?type=PAYOUT_*&actor=SYSTEM")
    assert (count_of(admin, "PAYOUT_*"), count_of(admin, "PAYOUT_PAID")) == ("20", "10")
    assert count_of(admin, "USER_LOGIN") is None
    assert (count_of(admin, "USER"), count_of(admin, "SYSTEM")) == ("0", "20")


def test_types_stand_under_their_beginnings_and_rare_ones_below_more(admin: Browser, session: Session) -> None:
    kinds = [f"{'PAYOUT' if n % 2 else 'CRON'}_KIND_{n:02}" for n in range(30)]
    write(session, [Event(kind, at=HOUR_AGO) for n, kind in enumerate(kinds) for _ in range(n + 1)])
    admin.get(f"{LOGS}/facets?type=CRON_KIND_00")
    first, _, more = admin.text.partition("Autres types")
    assert 'value="PAYOUT_*"' in first
    assert 'value="PAYOUT_KIND_29"' in first
    assert 'value="CRON_KIND_00" checked' in first
    assert count_of(admin, "PAYOUT_*") == str(sum(n + 1 for n in range(30) if n % 2))
    assert 'value="PAYOUT_KIND_01"' in more
    assert count_of(admin, "PAYOUT_KIND_01") == "2"


def test_boxes_of_types_work_without_javascript_and_keep_exclusions(admin: Browser, session: Session) -> None:
    write(session, [Event("USER_LOGIN"), Event("USER_LOGOUT"), Event("PAYOUT_PAID")])
    admin.get(f"{LOGS}?type=USER_*&type=-USER_LOGOUT&chart=on")
    form = admin.text.partition('aria-label="Affiner"')[2].partition("</form>")[0]
    kept = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]+)"', form)
    checked = re.findall(r'name="([^"]+)" value="([^"]+)" checked', form)
    assert kept == [("type", "-USER_LOGOUT")]
    assert checked == [("type", "USER_*")]
    admin.get(LOGS, query_string=[*kept, *checked, ("type", "PAYOUT_PAID")])
    assert len(re.findall('<tr id="log-', admin.text)) == 2


def test_ten_thousand_and_more_are_counted_on_demand(
    admin: Browser, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totals, "CAP", 20)
    write(session, [Event(message=f"numéro {n}") for n in range(33)])
    write_money(session, [Money(entity_id=f"p-{n}") for n in range(33)])
    for page, query in ((LOGS, "q=numéro"), (MONEY, "entityType=PAYOUT")):
        admin.get(f"{page}?{query}")
        found = re.search(rf'data-get="({page}/count[^"]*)"', admin.text)
        assert found is not None
        admin.get(unescape(found[1]), headers=FRAGMENT)
        assert "20+ résultats" in admin.words
        exact = re.search(r'data-get="([^"]+)"', admin.text)
        assert exact is not None
        plain = re.search(r'href="([^"]+)" data-get', admin.text)
        assert plain is not None
        for way in (exact[1], plain[1]):
            admin.get(unescape(way))
            assert "33 résultats" in admin.words
    capped = admin.client.get(f"{API}/count?q=numéro").json
    assert capped == {"count": 20, "isCapped": True, "outlived": 0}
    assert admin.client.get("/api/admin/logs/count?exact=1").json["count"] == 33
    assert admin.client.get(f"{API}/count?type=USER_LOGIN").json["count"] >= 33
    assert admin.client.get(f"{API}/count?exact=yes").json["details"]["parameter"] == "exact"


def test_text_is_counted_up_to_the_cap_in_facets(
    admin: Browser, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facets, "CAP", 20)
    monkeypatch.setattr(facets, "newest_rows", lambda search: log_counts.newest_rows(search, limit=21))
    write(session, [Event(message=f"numéro {n}", at=HOUR_AGO + minutes(n)) for n in range(33)])
    admin.get(f"{LOGS}/facets?q=numéro")
    assert count_of(admin, "INFO") == "21+"
    answer = admin.client.get(f"{API}/facets?q=numéro").json
    assert answer["level"] == {"values": [{"value": "INFO", "count": 21}], "isCapped": True}


def test_the_summary_of_seven_days_is_one_click_and_leads_to_the_rows(admin: Browser, session: Session) -> None:
    old = HOUR_AGO - timedelta(days=9)
    write(session, [Event("PAYOUT_FAILED", "ERROR", at=HOUR_AGO + minutes(n)) for n in range(3)])
    write(session, [Event("PAYOUT_FAILED", "CRITICAL", at=HOUR_AGO), Event("USER_LOGOUT", at=old)])
    admin.get(LOGS)
    followed(admin, "Résumé, 7 jours")
    row = admin.text.partition(">PAYOUT_FAILED</a>")[2].partition("</tr>")[0]
    assert re.findall(r'class="num"[^>]*>(?:<[^>]+>)?(\d+)', row) == ["1", "3", "0", "0", "4"]
    assert "USER_LOGOUT" not in admin.words
    errors = re.search(r'<a href="([^"]+)">3</a>', row)
    assert errors is not None
    assert unescape(errors[1]) == f"{LOGS}?from=now-7d&type=PAYOUT_FAILED&level=ERROR"
    admin.get(unescape(errors[1]))
    assert len(re.findall('<tr id="log-', admin.text)) == 3


def test_groups_keep_the_search_and_what_is_grouped_by(admin: Browser, session: Session) -> None:
    write(session, [Event(actor="USER", details={"payoutId": f"p-{n % 2}"}, at=HOUR_AGO) for n in range(5)])
    admin.get(f"{LOGS}/groups?by=payoutId&actor=USER")
    assert "2 groupes, 5 événements" in admin.words
    assert f'href="{LOGS}?actor=USER&amp;entity=p-0"' in admin.text
    followed(admin, "24 h")
    assert '<option value="payoutId" selected>' in admin.text
    assert "2 groupes, 5 événements" in admin.words
    assert admin.get(f"{LOGS}/groups?by=colour").status_code == 400
    assert "payoutId" in admin.words
    admin.get(f"{LOGS}/groups?by=disputeId")
    assert "Rien à grouper" in admin.words


def test_completeness_names_the_rows_and_the_keys(admin: Browser, session: Session) -> None:
    mark = {"catalogueViolation": ["missing creatorId"], "payoutId": "p-1"}
    [row] = write(session, [Event("PAYOUT_APPROVED", details=mark, at=HOUR_AGO)])
    admin.get(LOGS)
    followed(admin, "Complétude")
    assert "missing creatorId" in admin.words
    assert f'href="{LOGS}/{row}"' in admin.text
    link = re.search(rf'href="({LOGS}/completeness[^"]*type=PAYOUT_APPROVED)">1</a>', admin.text)
    assert link is not None
    admin.get(unescape(link[1]))
    assert "amount, creatorId" in admin.words
    assert f'data-log-id="{row}"' in admin.text
    admin.get(f"{LOGS}/completeness?type=USER_LOGIN")
    assert "Rien ne manque" in admin.words
    for query, name in (("type=NOTHING", "type"), ("from=x", "from"), ("level=INFO", "level")):
        assert admin.get(f"{LOGS}/completeness?{query}").status_code == 400
        assert f"« {name} »" in admin.words
    admin.get(f"{LOGS}/completeness?from=2020-01-01&to=2020-01-02")
    assert "Cette période ne contient aucun événement." in admin.words


def test_a_chart_of_nothing_names_no_highest_bar(admin: Browser, session: Session) -> None:
    write(session, [Event(at=HOUR_AGO)])
    highest = {}
    for q in ("Connexion", "absent"):
        admin.get(LOGS, query_string={"q": q, "chart": "on"})
        assert '<svg class="bars"' in admin.text
        highest[q] = "max." in admin.words
    assert highest == {"Connexion": True, "absent": False}


def test_a_share_of_almost_nothing_or_almost_all_does_not_look_so(admin: Browser, session: Session) -> None:
    write(session, [Event(at=HOUR_AGO), *[Event("USER_LOGOUT", at=HOUR_AGO)] * 2500])
    admin.get(f"{LOGS}/groups?by=type&from=now-24h")
    assert re.findall(r">([^>]*\d\xa0%)<", admin.text) == ["&gt;\xa099,9\xa0%", "&lt;\xa00,1\xa0%"]
