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


def _payout_of(creator_id: object):  # type: ignore[no-untyped-def]
    from sqlalchemy import select

    from portal.models import Payout

    return select(Payout.id).where(Payout.creator_id == creator_id)
