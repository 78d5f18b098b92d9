"""Sending again, cancelling, withdrawing and pausing, through their pages."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.models import Creator, Payout, PayoutStatus, Role, User
from tests.browser import Browser
from tests.domain.acts import Acts
from tests.factories import Factory

QUEUE = "/dashboard/admin/payouts"


@pytest.fixture
def acts(app: Flask, factory: Factory) -> Acts:
    return Acts(app, factory.session)


@pytest.fixture
def admin(factory: Factory) -> User:
    return factory.admin(name="Ada Martin")


@pytest.fixture
def zoe(factory: Factory) -> Creator:
    return factory.creator(name="Zoé Lambert")


@pytest.fixture
def desk(app: Flask, admin: User) -> Browser:
    return Browser(app).sign_in(admin.email)


def test_a_failed_payout_is_sent_again_from_its_page(
    acts: Acts, factory: Factory, admin: User, zoe: Creator, desk: Browser
) -> None:
    payout = acts.request(zoe).payout
    factory.sandbox.faults.add("bad_request", method="POST", path="/v1/payouts", times=1)
    acts.approve(admin, payout.id)
    acts.age_attempts("16 minutes")
    desk.get(f"{QUEUE}/{payout.id}")
    assert f"{QUEUE}/{payout.id}/retry" in desk.text
    desk.get(f"{QUEUE}/{payout.id}/retry")
    desk.submit("/retry", reason="court")
    assert (desk.status, acts.payout(payout.id).status) == (422, PayoutStatus.FAILED)
    assert "10 à 500 caractères" in desk.words
    desk.submit("/retry", reason="Compte bancaire corrigé")
    assert desk.status == 200
    assert "Nouvelle tentative autorisée" in desk.words
    assert acts.payout(payout.id).status is PayoutStatus.PROCESSING


def test_a_retry_too_early_says_until_when_to_wait(
    acts: Acts, factory: Factory, admin: User, zoe: Creator, desk: Browser
) -> None:
    payout = acts.request(zoe).payout
    factory.sandbox.faults.add("bad_request", method="POST", path="/v1/payouts", times=1)
    acts.approve(admin, payout.id)
    desk.get(f"{QUEUE}/{payout.id}/retry")
    desk.submit("/retry", reason="Compte bancaire corrigé")
    assert desk.status == 409
    assert "Attendez le" in desk.words


def test_a_pending_payout_is_cancelled_from_its_page(
    acts: Acts, factory: Factory, admin: User, zoe: Creator, desk: Browser
) -> None:
    payout = acts.request(zoe).payout
    acts.approve(admin, payout.id)
    desk.get(f"{QUEUE}/{payout.id}/cancel")
    assert acts.payout(payout.id).status is PayoutStatus.PROCESSING
    desk.submit("/cancel")
    assert "Payout annulé" in desk.words
    assert acts.payout(payout.id).status is PayoutStatus.CANCELED
    assert factory.sandbox.ledger()["payouts"][0]["status"] == "canceled"


def test_what_the_bank_already_has_is_not_cancelled(
    acts: Acts, factory: Factory, admin: User, zoe: Creator, desk: Browser
) -> None:
    payout = acts.request(zoe).payout
    acts.approve(admin, payout.id)
    factory.sandbox.settle(acts.payout(payout.id).stripe_payout_id or "", "in_transit")
    desk.get(f"{QUEUE}/{payout.id}/cancel")
    desk.submit("/cancel")
    assert desk.status == 409
    assert "ne peut plus être annulé" in desk.words


def test_a_creator_withdraws_a_request_and_nobody_elses(
    app: Flask, acts: Acts, factory: Factory, zoe: Creator
) -> None:
    mine, other = acts.request(zoe).payout, acts.request(factory.creator()).payout
    browser = Browser(app).sign_in(zoe.email)
    browser.get(f"/dashboard/creator/payouts/{mine.id}")
    assert "Retirer la demande" in browser.words
    browser.get(f"/dashboard/creator/payouts/{mine.id}/withdraw")
    browser.submit("/withdraw")
    assert "Demande retirée" in browser.words
    assert acts.payout(mine.id).status is PayoutStatus.CANCELED
    assert browser.get(f"/dashboard/creator/payouts/{other.id}/withdraw").status_code == 404
    assert acts.payout(other.id).status is PayoutStatus.REQUESTED


def test_a_request_that_was_decided_meanwhile_is_not_withdrawn(
    app: Flask, acts: Acts, admin: User, zoe: Creator
) -> None:
    payout = acts.request(zoe).payout
    browser = Browser(app).sign_in(zoe.email)
    browser.get(f"/dashboard/creator/payouts/{payout.id}/withdraw")
    acts.approve(admin, payout.id)
    browser.submit("/withdraw")
    assert browser.status == 409
    assert acts.payout(payout.id).status is PayoutStatus.PROCESSING


def test_a_pause_is_on_every_admin_page_with_its_reason_until_it_ends(
    acts: Acts, zoe: Creator, desk: Browser
) -> None:
    desk.get(f"{QUEUE}/sending")
    desk.submit("/sending", reason="Incident chez Stripe")
    for page in ("/dashboard/admin", QUEUE, "/dashboard/admin/system-logs"):
        desk.get(page)
        assert "L’envoi des payouts est suspendu. Incident chez Stripe" in desk.words
    payout = acts.request(zoe).payout
    desk.get(f"{QUEUE}/{payout.id}/approve")
    desk.submit("/approve")
    assert acts.payout(payout.id).status is PayoutStatus.APPROVED
    desk.get(f"{QUEUE}/sending")
    desk.submit("/sending", reason="Incident terminé")
    assert "suspendu" not in desk.get("/dashboard/admin").text
    acts.send(payout.id)
    assert acts.payout(payout.id).status is PayoutStatus.PROCESSING


def test_a_pause_needs_a_reason(desk: Browser) -> None:
    desk.get(f"{QUEUE}/sending")
    desk.submit("/sending", reason="court")
    assert desk.status == 422
    assert "10 à 500 caractères" in desk.words


@pytest.mark.parametrize("page", ["retry", "cancel"])
@pytest.mark.parametrize("role", [Role.USER, Role.CREATOR])
def test_only_admins_reach_these_pages(
    app: Flask, acts: Acts, factory: Factory, zoe: Creator, page: str, role: Role
) -> None:
    payout: Payout = acts.request(zoe).payout
    browser = Browser(app).sign_in(factory.user(role).email)
    assert browser.get(f"{QUEUE}/{payout.id}/{page}").status_code == 403


def test_showing_a_page_changes_nothing(acts: Acts, zoe: Creator, desk: Browser) -> None:
    payout = acts.request(zoe).payout
    for page in ("retry", "cancel"):
        assert desk.get(f"{QUEUE}/{payout.id}/{page}").status_code == 200
    assert acts.payout(payout.id).status is PayoutStatus.REQUESTED
    count: Any = acts.session.scalar(text("select count(*) from log where type like 'PAYOUT_C%'"))
    assert count == 0


def test_an_account_that_left_the_platform_is_told_to_both_sides_with_what_to_do(
    app: Flask, factory: Factory, zoe: Creator, desk: Browser
) -> None:
    factory.sandbox.change_account(zoe.stripe_account_id or "", deauthorized=True)
    desk.get(f"/dashboard/admin/creators/{zoe.id}")
    assert "s’est détaché de la plateforme" in desk.words
    own = Browser(app).sign_in(zoe.email)
    own.get("/dashboard/creator")
    assert "n’est plus relié à Callastar" in own.words
    assert "Reliez un compte Stripe" in own.words


def test_an_account_that_was_swapped_is_told_to_both_sides_with_what_to_do(
    app: Flask, factory: Factory, session: Session
) -> None:
    creator = factory.creator(name="Zoé Durand")
    payout, before = factory.payout(creator), creator.stripe_account_id or ""
    creator.stripe_account_id = factory.sandbox.create_account(country="FR", currency="eur")["id"]
    session.add(creator)
    session.commit()
    desk = Browser(app).sign_in(factory.admin().email)
    desk.get(f"/dashboard/admin/creators/{creator.id}")
    assert "Une demande vise l’ancien compte Stripe" in desk.words
    assert before in desk.text
    desk.get(f"/dashboard/admin/payouts/{payout.id}")
    assert "Le compte Stripe a changé depuis la demande" in desk.words
    own = Browser(app).sign_in(creator.email)
    own.get("/dashboard/creator")
    assert "Votre compte Stripe a changé" in own.words
    assert "Retirez-la, puis refaites-la" in own.words


def test_a_payout_cancelled_for_another_account_says_so_to_both_sides(
    app: Flask, factory: Factory, session: Session
) -> None:
    creator = factory.creator()
    payout = factory.payout(creator, status=PayoutStatus.CANCELED, failure_code="account_changed")
    desk = Browser(app).sign_in(factory.admin().email)
    desk.get(f"/dashboard/admin/payouts/{payout.id}")
    assert "Annulé : le compte Stripe a changé depuis la demande" in desk.words
    own = Browser(app).sign_in(creator.email)
    own.get(f"/dashboard/creator/payouts/{payout.id}")
    assert "votre compte Stripe a changé entre-temps" in own.words
