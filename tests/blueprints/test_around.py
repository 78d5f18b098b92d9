"""Around an event: five before, five after, more on demand, the filters one came with visibly set aside."""

import re
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.factories import Factory
from tests.queries.books import NOON, Event, minutes, write

LOGS = "/dashboard/admin/system-logs"


@pytest.fixture
def admin(browser: Browser, factory: Factory) -> Browser:
    """A signed-in admin."""
    return browser.sign_in(factory.admin().email)


def shown(browser: Browser) -> list[int]:
    around = browser.text.partition('id="around"')[2]
    return [int(found) for found in re.findall(r'data-log-id="(\d+)"', around)]


def test_a_row_leads_to_its_neighbours_whatever_was_looked_for(admin: Browser, session: Session) -> None:
    events = [Event("PAYOUT_FAILED" if n == 20 else "USER_LOGIN", at=NOON + minutes(n)) for n in range(40)]
    ids = write(session, events)
    admin.get(f"{LOGS}?type=PAYOUT_*&q=connexion")
    link = re.search(r'href="([^"]+)#around"', admin.text)
    assert link is not None
    admin.get(unescape(link[1]))
    assert shown(admin) == ids[15:26][::-1]
    assert "Filtres mis de côté :" in admin.words
    assert "PAYOUT_*" in admin.words
    back = re.search(r'href="([^"]+)">Revenir à la recherche filtrée', admin.text)
    assert back is not None
    assert unescape(back[1]).startswith(f"{LOGS}?")
    more = re.search(r'href="([^"]+)" data-get="([^"]+)"[^>]*><svg[^>]*><use[^>]*></svg>Encore plus a', admin.text)
    assert more is not None
    admin.get(unescape(more[2]), headers={"X-Fragment": "true"})
    assert shown(admin) == ids[5:26][::-1]
    assert "Filtres mis de côté :" in admin.words
    admin.get(f"{LOGS}/{ids[20]}")
    assert "Filtres mis de côté" not in admin.words
    for wrong in ("older=4", "older=56", "newer=x", "newer=-5", "older=", "older=5&older=6"):
        assert admin.get(f"{LOGS}/{ids[20]}?{wrong}").status_code == (200 if wrong == "older=" else 400)


def test_what_is_not_near_is_found_far_away(admin: Browser, session: Session) -> None:
    moments = [timedelta(days=-30), timedelta(days=-9), timedelta(hours=-1), timedelta(), timedelta(days=30)]
    thing = {"payoutId": "p-1"}
    ids = write(session, [Event(details={} if n == 2 else thing, at=NOON + at) for n, at in enumerate(moments)])
    admin.get(f"{LOGS}/{ids[3]}")
    assert [row for row in shown(admin) if row in ids] == ids[::-1]  # the sign-in is a row too
    siblings = admin.text.partition('data-siblings="payoutId"')[2].partition("</div>")[0]
    assert re.findall(r'href="[^"]+/(\d+)"', siblings) == [str(ids[1]), str(ids[4])]
