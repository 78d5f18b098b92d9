"""The main paths in a browser that runs no script: forms and links alone."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from portal.models import Creator, PayoutStatus, User
from tests.e2e.conftest import Screen
from tests.factories import Factory
from tests.market import offer_of, seller
from tests.portal_process import PortalProcess

pytestmark = pytest.mark.e2e
DESK = "/dashboard/admin"
REASON = "Pièce d’identité illisible, merci de la renvoyer."


@pytest.fixture
def plain(chromium: Any, portal: PortalProcess) -> Iterator[Screen]:
    """A window whose browser runs no script."""
    context = chromium.new_context(java_script_enabled=False, locale="fr-FR")
    shown = Screen(context.new_page(), portal.url)
    yield shown
    context.close()
    assert shown.complaints == []


def send(screen: Screen, label: str) -> str:
    """Press the button of the page's form; what the next page says."""
    with screen.page.expect_navigation():
        screen.page.get_by_role("button", name=re.compile(label)).last.click()
    return str(screen.page.inner_text("main"))


def follow(screen: Screen, label: str) -> str:
    """Follow a link; what the next page says."""
    with screen.page.expect_navigation():
        screen.page.locator("main").get_by_role("link", name=re.compile(label)).first.click()
    return str(screen.page.inner_text("main"))


@pytest.fixture
def zoe(people: Factory) -> Creator:
    """A creator whom people can pay."""
    return seller(people, name="Zoé Durand")


@pytest.fixture
def ada(people: Factory) -> User:
    """An admin."""
    return people.admin(name="Ada Martin")


def test_a_payout_is_asked_for_found_in_the_log_and_approved(plain: Screen, zoe: Creator, ada: User) -> None:
    plain.sign_in(zoe.email)
    plain.open("/dashboard/creator/payouts/new")
    plain.page.fill("input[name=amount]", "123,45")
    assert "123,45\u00a0€" in send(plain, "Demander ce payout")
    plain.sign_out()
    plain.sign_in(ada.email)
    plain.open(f"{DESK}/system-logs")
    plain.page.fill("main input[name=q]", "type:PAYOUT_REQUESTED amount>=123")
    words = send(plain, "Rechercher")
    assert "PAYOUT_REQUESTED" in words
    assert "1 résultat" in follow(plain, "Compter")
    plain.open(f"{DESK}/payouts?status=REQUESTED")
    follow(plain, "123,45.€")
    follow(plain, "Approuver")
    send(plain, "Approuver")
    standing = plain.page.inner_text(".page-heading").splitlines()[-1]
    assert standing in {"Approuvé", "Envoi en cours", "En transit", "Payé"}


def test_a_payout_is_rejected(plain: Screen, people: Factory, zoe: Creator, ada: User) -> None:
    payout = people.payout(zoe)
    plain.sign_in(ada.email)
    plain.open(f"{DESK}/payouts/{payout.id}/reject")
    plain.page.fill("[name=reason]", REASON)
    assert REASON in send(plain, "Prévisualiser")
    assert REASON in send(plain, "Rejeter")
    assert plain.page.url.endswith(f"/payouts/{payout.id}")


def test_a_failed_payout_is_sent_again(plain: Screen, people: Factory, zoe: Creator, ada: User) -> None:
    payout = people.payout(zoe, status=PayoutStatus.FAILED, failure_code="could_not_process")
    plain.sign_in(ada.email)
    plain.open(f"{DESK}/payouts/{payout.id}")
    follow(plain, "Renvoyer")
    plain.page.fill("[name=reason]", "La banque a confirmé le compte par écrit")
    send(plain, "Renvoyer")
    assert plain.page.url.endswith(f"/payouts/{payout.id}")
    assert plain.page.locator("main .page-heading", has_text="Échoué").count() == 0


def test_a_creator_is_blocked(plain: Screen, zoe: Creator, ada: User) -> None:
    plain.sign_in(ada.email)
    plain.open(f"{DESK}/creators/{zoe.id}")
    follow(plain, "Bloquer")
    plain.page.fill("[name=reason]", REASON)
    plain.page.fill("[name=handle]", zoe.handle)
    assert REASON in send(plain, "Bloquer les payouts")


def test_a_call_is_booked_paid_and_given_back(plain: Screen, people: Factory, zoe: Creator, ada: User) -> None:
    offer, paul = offer_of(people, zoe), people.user(name="Paul Lambert")
    plain.sign_in(paul.email)
    plain.open(f"/offers/{offer.id}")
    send(plain, "Réserver")
    send(plain, "Payer")
    plain.page.wait_for_url(
        re.compile(r"/bookings/[0-9a-f-]{36}$")
    )  # once the webhook came; the page asks by itself
    assert "C’est confirmé" in plain.page.inner_text("main")
    plain.sign_out()
    plain.sign_in(ada.email)
    plain.open(f"{DESK}/payments")
    follow(plain, "100,00.€")
    follow(plain, "Rembourser")
    plain.page.fill("[name=amount]", "40")
    plain.page.fill("[name=reason]", "Appel écourté d’un commun accord")
    assert "Repris au créateur" in send(plain, "Voir l’effet")
    assert "40,00\u00a0€" in send(plain, "Rembourser")
    assert "/refund" not in plain.page.url
