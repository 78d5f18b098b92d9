"""The help page: every event, and examples that all work."""

import re
from html import unescape

from portal.audit.catalogue import CATALOGUE
from tests.browser import Browser
from tests.factories import Factory

HELP = "/dashboard/admin/help"


def test_every_event_has_a_line_that_leads_to_its_rows(browser: Browser, factory: Factory) -> None:
    browser.sign_in(factory.admin().email).get(HELP)
    for type_ in CATALOGUE:
        assert f'<tr id="{type_}">' in browser.text
        assert f'href="/dashboard/admin/system-logs?type={type_}"' in browser.text


def test_every_example_and_status_is_a_search_that_works(browser: Browser, factory: Factory) -> None:
    browser.sign_in(factory.admin().email).get(HELP)
    panels = browser.text.partition('id="syntax"')[2].partition('id="events"')[0]
    links = [unescape(link) for link in re.findall(r'href="(/dashboard/admin/[^"]+)"', panels)]
    assert len(links) >= 20
    assert {link: browser.get(link).status_code for link in links} == dict.fromkeys(links, 200)


def test_events_are_narrowed_by_their_words(browser: Browser, factory: Factory) -> None:
    browser.sign_in(factory.admin().email).get(f"{HELP}?q=solde")
    assert "PAYOUT_REQUEST_INSUFFICIENT_BALANCE" in browser.words
    assert "USER_LOGIN_FAILED" not in browser.words
    browser.get(f"{HELP}?q=xyzzy")
    assert "Aucun événement ne correspond" in browser.words
    assert browser.get(f"{HELP}?x=1").status_code == 400
