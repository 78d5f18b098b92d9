"""Two admins above a limit: recorded, withdrawn, raced for, and never the same one twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from flask import Flask

from portal.audit.actor import operation
from portal.domain.errors import PayoutRefused
from portal.domain.payouts.two_admins import withdraw_first
from portal.domain.work import utc_now
from portal.models import Creator, Payout, PayoutStatus, Role, User
from portal.unit_of_work import unit_of_work
from tests.blueprints.test_mending import QUEUE
from tests.browser import Browser
from tests.domain.acts import Acts, admin_actor
from tests.factories import Factory

LIMIT = Decimal(100)


@pytest.fixture
def admins(factory: Factory) -> list[User]:
    return [factory.admin(name=name) for name in ("Ada", "Bea", "Cleo", "Dina")]


@pytest.fixture
def creator(factory: Factory) -> Creator:
    return factory.creator(name="Zoé Durand")


@pytest.fixture
def requested(acts: Acts, creator: Creator) -> Payout:
    return acts.request(creator).payout  # 123.45 EUR


def approve(acts: Acts, admin: User, payout: Payout, version: int | None = None) -> str:
    try:
        acts.approve(admin, payout.id, version, two_above=LIMIT)
    except PayoutRefused as refusal:
        return refusal.event
    return "done"


def withdraw(acts: Acts, admin: User, payout: Payout) -> None:
    with acts.app.app_context(), operation(), unit_of_work() as unit:
        withdraw_first(unit, payout_id=payout.id, actor=admin_actor(admin), now=utc_now())


def sent(factory: Factory) -> int:
    return len(factory.sandbox.ledger()["payouts"])


def test_the_second_of_two_different_admins_sends(
    acts: Acts, factory: Factory, admins: list[User], requested: Payout
) -> None:
    ada, bea, *_ = admins
    assert approve(acts, ada, requested) == "done"
    assert (acts.payout(requested.id).status, sent(factory)) == (PayoutStatus.REQUESTED, 0)
    assert approve(acts, ada, requested) == "PAYOUT_APPROVAL_SAME_ADMIN"
    assert sent(factory) == 0
    assert approve(acts, bea, requested) == "done"
    payout = acts.payout(requested.id)
    assert (payout.status, payout.decided_by, sent(factory)) == (PayoutStatus.PROCESSING, bea.id, 1)
    facts = acts.last("PAYOUT_APPROVAL_FIRST_GIVEN").details
    assert (facts["adminId"], facts["attempt"], facts["amount"]) == (str(ada.id), 1, 123.45)


def test_at_the_limit_and_without_one_a_single_admin_sends(
    acts: Acts, factory: Factory, admins: list[User], requested: Payout, creator: Creator
) -> None:
    acts.approve(admins[0], requested.id, two_above=Decimal("123.45"))
    acts.approve(admins[0], acts.request(creator).payout.id, two_above=None)
    assert sent(factory) == 2


def test_a_page_opened_before_the_first_approval_gives_no_second(
    acts: Acts, factory: Factory, admins: list[User], requested: Payout
) -> None:
    opened = acts.payout(requested.id).version
    assert approve(acts, admins[0], requested, opened) == "done"
    assert approve(acts, admins[1], requested, opened) == "PAYOUT_APPROVAL_INVALID_STATUS"
    assert approve(acts, admins[1], requested, acts.payout(requested.id).version) == "done"
    assert sent(factory) == 1


def test_four_admins_at_once_make_one_first_one_second_and_one_payout(
    acts: Acts, factory: Factory, admins: list[User], requested: Payout
) -> None:
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda admin: approve(acts, admin, requested), admins * 2))
    assert outcomes.count("done") == 2
    assert (sent(factory), acts.types().count("PAYOUT_APPROVAL_FIRST_GIVEN")) == (1, 1)
    assert acts.types().count("PAYOUT_APPROVED") == 1


def test_two_tabs_of_one_admin_never_make_two_approvals(
    acts: Acts, factory: Factory, admins: list[User], requested: Payout
) -> None:
    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(lambda _: approve(acts, admins[0], requested), range(6)))
    assert sorted(outcomes) == ["PAYOUT_APPROVAL_SAME_ADMIN"] * 5 + ["done"]
    assert sent(factory) == 0


def test_the_first_can_be_withdrawn_by_its_giver_alone(
    acts: Acts, factory: Factory, admins: list[User], requested: Payout
) -> None:
    ada, bea, *_ = admins
    approve(acts, ada, requested)
    with pytest.raises(PayoutRefused, match="pas de première approbation à retirer"):
        withdraw(acts, bea, requested)
    withdraw(acts, ada, requested)
    assert acts.last("PAYOUT_APPROVAL_FIRST_WITHDRAWN").details["adminId"] == str(ada.id)
    assert approve(acts, bea, requested) == "done"
    assert sent(factory) == 0
    assert approve(acts, ada, requested) == "done"
    assert sent(factory) == 1


@pytest.mark.parametrize(
    "fall", [lambda u: setattr(u, "role", Role.AUDITOR), lambda u: setattr(u, "disabled_at", utc_now())]
)
def test_an_approval_falls_with_its_giver(
    acts: Acts, factory: Factory, admins: list[User], requested: Payout, fall: Callable[[User], None]
) -> None:
    approve(acts, admins[0], requested)
    fall(acts.session.get_one(User, admins[0].id))
    acts.session.commit()
    assert approve(acts, admins[1], requested) == "done"
    assert sent(factory) == 0
    assert approve(acts, admins[2], requested) == "done"
    assert sent(factory) == 1


def test_a_retry_needs_two_as_well(acts: Acts, factory: Factory, admins: list[User], creator: Creator) -> None:
    payout = factory.payout(creator, status=PayoutStatus.FAILED)
    before = acts.payout(payout.id).updated_at
    assert acts.retry(admins[0], payout.id, two_above=LIMIT) is False
    assert (acts.payout(payout.id).status, acts.payout(payout.id).updated_at) == (PayoutStatus.FAILED, before)
    with pytest.raises(PayoutRefused, match="un autre administrateur"):
        acts.retry(admins[0], payout.id, two_above=LIMIT)
    assert acts.retry(admins[1], payout.id, two_above=LIMIT) is True
    assert (acts.payout(payout.id).status, sent(factory)) == (PayoutStatus.PROCESSING, 1)


def test_pages_and_calls_say_who_was_first(
    app: Flask, factory: Factory, admins: list[User], requested: Payout, change_settings: Callable[..., None]
) -> None:
    change_settings(payout_two_admins_above=LIMIT)
    ada, bea = (Browser(app).sign_in(admin.email) for admin in admins[:2])
    page = f"{QUEUE}/{requested.id}"
    ada.get(f"{page}/approve")
    assert "Deux administrateurs doivent approuver" in ada.words
    ada.submit(f"{page}/approve")
    assert "Première approbation" in ada.words
    bea.get(page)
    assert "Ada a donné la première approbation" in bea.words
    assert "withdraw-approval" not in bea.text
    bea.get(QUEUE)
    assert "1 sur 2 : Ada" in bea.words
    ada.get(page)
    ada.submit(f"{page}/withdraw-approval")
    assert "retirée" in ada.words
    told = ada.send_json("POST", f"/api/admin/payouts/{requested.id}/approve")
    assert (told.json["status"], told.json["firstApprovedBy"]) == ("REQUESTED", str(admins[0].id))
    again = ada.send_json("POST", f"/api/admin/payouts/{requested.id}/approve")
    assert (again.status_code, again.json["error"]) == (409, "PAYOUT_APPROVAL_SAME_ADMIN")
    bea.get(page)
    assert bea.send_json("POST", f"/api/admin/payouts/{requested.id}/approve").json["status"] == "PROCESSING"
    assert (utc_now() - requested.created_at, sent(factory)) < (timedelta(minutes=5), 2)
