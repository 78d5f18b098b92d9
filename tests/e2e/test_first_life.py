"""The portal's main job in a real browser: asked for, approved, paid, and read from the trace."""

import re

import pytest

from tests.e2e.conftest import Screen
from tests.factories import Factory

pytestmark = pytest.mark.e2e


def ask(screen: Screen, email: str) -> None:
    screen.sign_in(email)
    screen.open("/dashboard/creator/payouts/new")
    screen.page.fill("input[name=amount]", "123,45")
    screen.page.click("main form button[type=submit]:visible")
    screen.page.wait_for_url(re.compile(r"/dashboard/creator/payouts/[0-9a-f-]{36}$"))
    screen.sign_out()


def test_a_payout_goes_from_the_creators_form_to_the_bank(screen: Screen, people: Factory) -> None:
    creator, admin = people.creator(name="Zoé Durand"), people.admin(name="Ada Martin")
    ask(screen, creator.email)
    screen.sign_in(admin.email)
    screen.open("/dashboard/admin/payouts?status=REQUESTED")
    assert "Zoé Durand" in screen.page.inner_text("main")
    payout = people.session.execute(_payout_of(creator.id)).scalar_one()
    screen.open(f"/dashboard/admin/payouts/{payout}/approve")
    screen.page.get_by_role("button", name=re.compile("Approuver")).click()
    screen.page.wait_for_url(re.compile(r"/dashboard/admin/payouts/[0-9a-f-]{36}$"))
    for _ in range(60):
        screen.open(f"/dashboard/admin/payouts/{payout}")
        if screen.page.locator("main h1, .page-heading").get_by_text("Payé").count():
            break
        screen.page.wait_for_timeout(250)
    else:
        pytest.fail("the payout was not paid within 15 s")
    screen.open(f"/dashboard/admin/traces/payout/{payout}")
    words = screen.page.inner_text("main")
    steps = ["PAYOUT_REQUEST_INITIATED", "PAYOUT_REQUESTED", "PAYOUT_APPROVED", "PAYOUT_PROCESSING", "PAYOUT_PAID"]
    places = [words.index(step) for step in steps]
    assert places == sorted(places)


PAGES = {
    "admin": [
        "/dashboard/admin",
        "/dashboard/admin/system-logs",
        "/dashboard/admin/logs",
        "/dashboard/admin/payouts",
        "/dashboard/admin/payouts/{payout}",
        "/dashboard/admin/payouts/{payout}/approve",
        "/dashboard/admin/payouts/{payout}/reject",
        "/dashboard/admin/traces/payout/{payout}",
        "/dashboard/admin/creators",
        "/dashboard/admin/creators/{creator}",
        "/dashboard/admin/creators/{creator}/block",
    ],
    "creator": [
        "/dashboard/creator",
        "/dashboard/creator/payouts",
        "/dashboard/creator/payouts/new",
        "/dashboard/creator/payouts/{payout}",
    ],
}


@pytest.mark.parametrize("role", PAGES)
def test_every_page_fits_its_window_in_both_themes(screen: Screen, people: Factory, role: str) -> None:
    creator, admin = people.creator(name="Zoé Durand"), people.admin(name="Ada Martin")
    ask(screen, creator.email)
    payout = people.session.execute(_payout_of(creator.id)).scalar_one()
    screen.sign_in(admin.email if role == "admin" else creator.email)
    too_wide = []
    for path in PAGES[role]:
        for theme in ("light", "dark"):
            screen.page.emulate_media(color_scheme=theme)
            for width in (1440, 390, 320):
                screen.page.set_viewport_size({"width": width, "height": 900})
                screen.open(path.format(payout=payout, creator=creator.id))
                assert screen.page.locator("h1").count() == 1, path
                if screen.overflow() > 0:
                    too_wide.append(f"{path} at {width} px, {theme}: {screen.overflow()} px")
    assert too_wide == []


def _payout_of(creator_id: object):  # type: ignore[no-untyped-def]
    from sqlalchemy import select

    from portal.models import Payout

    return select(Payout.id).where(Payout.creator_id == creator_id)
