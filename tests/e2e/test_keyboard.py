"""The portal by keyboard alone: to the search, to the help, from page to page, through the rows and the queue."""

import re
from typing import Any

import pytest

from tests.e2e.conftest import Screen
from tests.factories import Factory

pytestmark = pytest.mark.e2e
DESK = "/dashboard/admin"


def focused(page: Any) -> str:
    """What the focus stands on: its name, or its words."""
    return str(page.evaluate("() => document.activeElement.name || document.activeElement.textContent.trim()"))


def keys(page: Any, *pressed: str) -> None:
    """Press one key after the other."""
    for key in pressed:
        page.keyboard.press(key)


@pytest.fixture
def desk(screen: Screen, people: Factory) -> Screen:
    """An admin's window, beside a queue of three."""
    for _ in range(3):
        people.payout(people.creator())
    screen.sign_in(people.admin().email)
    return screen


def test_letters_lead_to_the_search_the_help_and_other_pages(desk: Screen) -> None:
    page = desk.page
    desk.open(f"{DESK}/payouts")
    keys(page, "/")
    assert focused(page) == "q"
    keys(page, "g", "l")  # typed, not obeyed
    assert (page.input_value("input[data-search]"), page.url) == ("gl", f"{desk.url}{DESK}/payouts")
    page.locator("h1").click()
    keys(page, "?")
    assert page.locator("dialog#help").is_visible()
    keys(page, "Escape")
    assert page.locator("dialog#help").is_hidden()
    for letters, path in (("l", "system-logs"), ("t", "logs"), ("w", "webhooks"), ("v", "payouts")):
        keys(page, "g", letters)
        page.wait_for_url(f"{desk.url}{DESK}/{path}")


def test_rows_are_walked_opened_and_closed(desk: Screen) -> None:
    page = desk.page
    desk.open(f"{DESK}/system-logs")
    keys(page, "j", "j", "k", "Enter")
    row = page.locator("table[data-rows] tbody tr").first
    page.locator("tr.detail").wait_for()
    assert row.locator("a[data-expand]").get_attribute("aria-expanded") == "true"
    keys(page, "Escape")
    assert page.locator("tr.detail").is_hidden()
    assert row.locator("a[data-expand]").evaluate("(link) => link === document.activeElement")


def test_the_queue_is_worked_off(desk: Screen) -> None:
    page = desk.page
    for left in (2, 1):
        desk.open(f"{DESK}/payouts?status=REQUESTED")
        keys(page, "j", "Enter")
        page.wait_for_url(re.compile(r"/payouts/[0-9a-f-]{36}$"))
        page.locator("a[data-dialog]").focus()
        keys(page, "Enter")
        page.locator("#dialog[open] form").wait_for()
        assert focused(page) == "Annuler"  # Enter alone never approves
        keys(page, "Tab")
        assert focused(page).startswith("Approuver")
        with page.expect_navigation():
            keys(page, "Enter")
        desk.open(f"{DESK}/payouts?status=REQUESTED")
        assert page.locator("table[data-rows] tbody tr").count() == left
