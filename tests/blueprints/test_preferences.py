"""Preferences: kept with the account, applied to every page, each bad value named."""

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import Log, PayoutStatus, User
from tests.browser import Browser
from tests.factories import Factory


def test_preferences_are_kept_told_and_applied_everywhere(
    app: Flask, browser: Browser, factory: Factory, session: Session
) -> None:
    email = factory.admin().email
    browser.sign_in(email).get("/dashboard/preferences")
    browser.submit(
        "/dashboard/preferences",
        timezone="America/New_York", locale="en", theme="dark", density="compact", page_size="25",
    )  # fmt: skip
    browser.page = browser.client.post(
        "/dashboard/preferences", data={**browser.form("/dashboard/preferences").fields, "shortcuts": ""}
    )
    elsewhere = Browser(app).sign_in(email)
    elsewhere.get("/dashboard/admin/payouts", headers={"Accept-Language": "fr"})
    for words in (
        'lang="en"',
        'data-theme="dark"',
        'data-density="compact"',
        'data-shortcuts="off"',
        "America/New_York",
    ):
        assert words in elsewhere.text
    told = session.scalars(select(Log).where(Log.type == "USER_PREFERENCES_CHANGED")).all()
    assert told[0].details["changes"]["theme"] == {"before": "auto", "after": "dark"}
    assert [list(row.details["changes"]) for row in told[1:]] in ([], [["shortcuts"]])


def test_the_preferred_rows_a_page_hold_where_the_address_does_not_say(
    browser: Browser, factory: Factory, session: Session
) -> None:
    admin = factory.admin()
    creator = factory.creator()
    for _ in range(27):
        factory.payout(creator, status=PayoutStatus.PAID)
    session.get_one(User, admin.id).page_size = 25
    session.commit()
    browser.sign_in(admin.email).get("/dashboard/admin/payouts")
    assert browser.text.count("data-payout-id") == 25
    browser.get("/dashboard/admin/payouts?limit=50")
    assert browser.text.count("data-payout-id") == 27


def test_a_zone_that_does_not_exist_is_refused_beside_its_field(browser: Browser, factory: Factory) -> None:
    browser.sign_in(factory.creator().email).get("/dashboard/preferences")
    for wrong in ("Mars/Olympus", "../etc/passwd", "x" * 500, "\x00"):
        browser.submit("/dashboard/preferences", timezone=wrong)
        assert browser.status == 422
        assert "Choisissez un fuseau de la liste" in browser.words
        browser.get("/dashboard/preferences")
    browser.submit("/dashboard/preferences", density="airy")
    assert browser.status == 422


def test_utc_is_a_switch_of_this_browser(browser: Browser, factory: Factory) -> None:
    browser.sign_in(factory.admin().email).get("/dashboard/admin/jobs")
    assert "Heures : Europe/Paris" in browser.words
    browser.get("/timezone/utc/on?next=/dashboard/admin/jobs")
    assert "Heures : UTC" in browser.words
    assert "Revenir à mon fuseau" in browser.words
    browser.get("/timezone/utc/off?next=//evil.test/")
    assert browser.page is not None
    assert browser.page.request.path == "/dashboard/admin"


def test_the_theme_changes_from_the_top_bar_without_script(browser: Browser, factory: Factory) -> None:
    browser.sign_in(factory.admin().email).get("/dashboard/admin/jobs")
    browser.submit("/dashboard/preferences/theme", theme="light")
    assert browser.page is not None
    assert browser.page.request.path == "/dashboard/admin/jobs"
    assert 'data-theme="light"' in browser.text
    browser.submit("/dashboard/preferences/theme", theme="pink")
    assert browser.status == 400
