"""The log's sums as pages show them: chart, facets, counts, groups; with and without JavaScript."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.blueprints.logs import charts
from portal.queries import paging
from tests.browser import Browser
from tests.factories import Factory
from tests.queries.books import Event, minutes, write

LOGS = "/dashboard/admin/system-logs"
API = "/api/admin/system-logs"
HOUR_AGO = datetime.now(UTC) - timedelta(hours=1)
FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def admin(browser: Browser, factory: Factory) -> Browser:
    """A signed-in admin, over a log that holds nothing."""
    browser.sign_in(factory.admin().email)
    factory.session.execute(text("set session_replication_role = replica"))
    factory.session.execute(text("truncate log restart identity"))
    factory.session.execute(text("set session_replication_role = default"))
    factory.session.commit()
    return browser


def asked_for(browser: Browser, part: str) -> str:
    """The address that the page asks for after its rows."""
    found = re.search(rf'hx-get="({LOGS}/{part}[^"]*)"', browser.text)
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
    assert 'hx-get="' + LOGS + "/histogram" not in admin.text
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


def test_only_admins_read_sums(browser: Browser, factory: Factory) -> None:
    addresses = [f"{LOGS}/histogram", f"{API}/histogram"]
    assert [browser.client.get(path).status_code for path in addresses] == [302, 401]
    browser.sign_in(factory.user().email)
    assert [browser.client.get(path).status_code for path in addresses] == [403, 403]
