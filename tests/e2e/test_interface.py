"""The interface in a real browser: the queue by keyboard, a selection, the theme that stays, what is printed."""

import re
from uuid import uuid4

import pytest

from tests.e2e.conftest import Screen
from tests.factories import Factory
from tests.queries.books import Money, write_money

pytestmark = pytest.mark.e2e
QUEUE = "/dashboard/admin/payouts?status=REQUESTED"


def test_the_queue_is_worked_through_by_keyboard_and_selection(screen: Screen, people: Factory) -> None:
    payouts = [people.payout(people.creator()) for _ in range(3)]
    screen.sign_in(people.admin().email)
    page = screen.page
    screen.open(QUEUE)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(f"/payouts/{payouts[-1].id}$"))
    screen.open(QUEUE)
    assert page.locator("#selection button").is_disabled()
    page.check("#select-all")
    assert page.inner_text("[data-selected]").startswith("3 ")
    page.click("#selection button")
    page.wait_for_url(re.compile(r"/payouts/approve\?id="))
    assert page.locator("input[name=payout]").count() == 3


def test_the_theme_stays_with_the_account_and_print_leaves_the_bars_out(screen: Screen, people: Factory) -> None:
    screen.sign_in(people.admin().email)
    page = screen.page
    screen.open("/dashboard/admin")
    page.click(".topbar details.menu:has([data-theme-choice]) > summary")
    with page.expect_response("**/dashboard/preferences/theme") as kept:
        page.click("[data-theme-choice=dark]")
    assert kept.value.status == 302
    page.evaluate("localStorage.clear()")
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.emulate_media(media="print")
    assert page.is_hidden(".topbar")
    assert page.is_visible("p.print-only")
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"


@pytest.mark.parametrize("width", [700, 900, 1100, 1280, 1440])
def test_wide_tables_scroll_by_themselves_and_never_the_page(screen: Screen, people: Factory, width: int) -> None:
    write_money(people.session, [Money(amount_minor=123_456, currency="EUR", entity_id=str(uuid4()))])
    screen.sign_in(people.admin().email)
    screen.page.set_viewport_size({"width": width, "height": 900})
    columns = "columns=amount,currency,errorType,ipAddress,userAgent,route"
    for path in ("system-logs", "logs", f"system-logs?{columns}", f"logs?{columns}", "system-logs/groups?by=type"):
        screen.open(f"/dashboard/admin/{path}")
        assert screen.page.locator(".table-wrap").count() == 1, path
        assert screen.overflow() == 0, path
