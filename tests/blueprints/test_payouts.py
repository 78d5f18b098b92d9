"""The queue, one payout, and the two decisions on it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import Creator, Log, Payout, PayoutStatus, Role
from portal.stripe_sandbox.sandbox import Sandbox
from tests.browser import Browser
from tests.factories import UNKNOWN_ID, Factory

QUEUE = "/dashboard/admin/payouts"


@pytest.fixture
def zoe(factory: Factory) -> Creator:
    return factory.creator(name="Zoé Lambert", balance_minor=200_000)


@pytest.fixture
def payout(factory: Factory, zoe: Creator) -> Payout:
    return factory.payout(zoe, amount_minor=123_450)


@pytest.fixture
def admin(factory: Factory, browser: Browser) -> Browser:
    factory.admin(email="alice@example.test", name="Alice")
    return browser.sign_in("alice@example.test")


@pytest.fixture
def bob(factory: Factory, app: Flask) -> Browser:
    factory.admin(email="bob@example.test", name="Bob")
    return Browser(app).sign_in("bob@example.test")


def fresh(session: Session, payout: Payout) -> Payout:
    session.rollback()
    return session.get_one(Payout, payout.id, populate_existing=True)


def logged(session: Session, type: str) -> list[dict[str, Any]]:
    session.rollback()
    return [row.details for row in session.scalars(select(Log).where(Log.type == type).order_by(Log.id))]


def paid_at_stripe(sandbox: Sandbox, payout: Payout) -> list[Any]:
    return [p for p in sandbox.ledger()["payouts"] if p["metadata"].get("payout_id") == str(payout.id)]


@pytest.mark.parametrize("path", ["", "/{id}", "/{id}/approve", "/{id}/reject"])
def test_only_admins_see_the_queue(
    app: Flask, factory: Factory, session: Session, zoe: Creator, payout: Payout, path: str
) -> None:
    address = QUEUE + path.format(id=payout.id)
    guest = Browser(app)
    answer = guest.get(address, follow=False)
    assert (answer.status_code, answer.location.partition("?")[0]) == (302, "/login")
    for person in (factory.user(), zoe.user):
        stranger = Browser(app).sign_in(person.email)
        assert stranger.get(address).status_code == 403
    denied = logged(session, "USER_ACCESS_DENIED")
    assert [row["endpoint"] for row in denied] == [address, address]
    wanted = "ADMIN" if path.endswith(("/approve", "/reject")) else "ADMIN|AUDITOR"
    assert {row["requiredRole"] for row in denied} == {wanted}


@pytest.mark.parametrize("path", ["/{id}", "/{id}/approve", "/{id}/reject"])
@pytest.mark.parametrize("unknown", [UNKNOWN_ID, "abc", "1", "%00"])
def test_an_unknown_payout_is_not_found(admin: Browser, path: str, unknown: str) -> None:
    assert admin.get(QUEUE + path.format(id=unknown)).status_code == 404


def test_the_queue_shows_amount_person_and_status(admin: Browser, payout: Payout) -> None:
    admin.get(QUEUE)
    assert "Zoé Lambert" in admin.words
    assert "1\u202f234,50\xa0€" in admin.text
    assert f'data-payout-id="{payout.id}" data-status="REQUESTED"' in admin.text


def ids(browser: Browser) -> set[str]:
    import re

    return set(re.findall(r'data-payout-id="([^"]+)"', browser.text))


def test_filters_narrow_the_queue(admin: Browser, factory: Factory, zoe: Creator, payout: Payout) -> None:
    ines = factory.creator(name="Inès 100%_sûre")
    old = datetime.now(UTC) - timedelta(days=30)
    paid = factory.payout(ines, status=PayoutStatus.PAID, stripe_payout_id="po_123456789", created_at=old)
    found = {
        "status=PAID": {paid},
        "status=PAID&status=REQUESTED": {paid, payout},
        f"creatorId={zoe.id}": {payout},
        "from=now-7d": {payout},
        "to=now-7d": {paid},
        "q=zoé": {payout},
        f"q=@{ines.handle}": {paid},
        f"q={payout.id}": {payout},
        "q=po_12345": {paid},
        "q=100%25_": {paid},
        "q=%25": {paid},
        "q=nobody": set(),
        "stuck=1": set(),
        "": {paid, payout},
    }
    for query, wanted in found.items():
        admin.get(f"{QUEUE}?{query}")
        assert ids(admin) == {str(row.id) for row in wanted}, query


@pytest.mark.parametrize(
    "query",
    [
        "status=NOPE",
        "creatorId=x",
        "from=x",
        "to=99/99/2026",
        "limit=7",
        "cursor=zzz",
        "stuck=maybe",
        "q=%00",
        "color=red",
    ],
)
def test_a_bad_parameter_is_named(admin: Browser, query: str) -> None:
    assert admin.get(f"{QUEUE}?{query}").status_code == 400
    assert query.partition("=")[0] in admin.words


def test_pages_follow_each_other_without_loss(admin: Browser, factory: Factory, zoe: Creator) -> None:
    start = datetime.now(UTC) - timedelta(days=2)
    made = {
        str(factory.payout(zoe, status=PayoutStatus.PAID, created_at=start + timedelta(minutes=n // 2)).id)
        for n in range(60)
    }
    admin.get(f"{QUEUE}?limit=25")
    seen = [ids(admin)]
    while 'rel="next"' in admin.text:
        import html
        import re

        link = re.search(r'rel="next" href="([^"]+)"', admin.text)
        assert link is not None
        admin.get(html.unescape(link[1]))
        seen.append(ids(admin))
    assert [len(page) for page in seen] == [25, 25, 10]
    assert set.union(*seen) == made


def test_what_stands_still_is_counted_and_marked(admin: Browser, factory: Factory, session: Session) -> None:
    ago = datetime.now(UTC) - timedelta(minutes=16)
    stuck = [
        factory.payout(factory.creator(), status=PayoutStatus.APPROVED),
        factory.payout(factory.creator(), status=PayoutStatus.SUBMITTING),
        factory.payout(factory.creator(), status=PayoutStatus.REVIEW),
        factory.payout(factory.creator(), status=PayoutStatus.PROCESSING, arrival_at=ago - timedelta(days=2)),
    ]
    factory.payout(factory.creator(), status=PayoutStatus.SUBMITTING)
    factory.payout(factory.creator(), status=PayoutStatus.PROCESSING, arrival_at=ago)
    for row in stuck[:2]:
        row.updated_at = ago
    session.commit()
    admin.get(f"{QUEUE}?stuck=1")
    assert ids(admin) == {str(row.id) for row in stuck}
    assert "En retard 4" in admin.words
    assert admin.text.count("timer-off") == 4


@pytest.mark.parametrize("status", list(PayoutStatus))
def test_every_status_has_its_page_and_only_legal_actions(
    admin: Browser, factory: Factory, zoe: Creator, status: PayoutStatus
) -> None:
    row = factory.payout(zoe, status=status, failure_code="account_closed")
    admin.get(f"{QUEUE}/{row.id}")
    assert admin.status == 200
    offered = {verb for verb in ("approve", "reject", "retry", "cancel") if f"{row.id}/{verb}" in admin.text}
    assert offered >= ({"approve", "reject"} if status is PayoutStatus.REQUESTED else set())
    assert ("approve" in offered) == (status is PayoutStatus.REQUESTED)


def test_the_detail_of_a_failed_payout_explains_it(admin: Browser, factory: Factory, zoe: Creator) -> None:
    row = factory.payout(zoe, status=PayoutStatus.FAILED, failure_code="account_closed", failure_message="Closed.")
    admin.get(f"{QUEUE}/{row.id}")
    assert "Le compte bancaire est fermé." in admin.words
    assert "account_closed" in admin.words


def test_opening_the_confirmation_changes_nothing(
    admin: Browser, session: Session, sandbox: Sandbox, payout: Payout
) -> None:
    admin.get(f"{QUEUE}/{payout.id}/approve")
    assert admin.status == 200
    assert fresh(session, payout).status is PayoutStatus.REQUESTED
    assert logged(session, "PAYOUT_APPROVAL_INITIATED") == []
    assert paid_at_stripe(sandbox, payout) == []


def test_the_confirmation_repeats_amount_person_bank_and_balance(admin: Browser, payout: Payout) -> None:
    admin.get(f"{QUEUE}/{payout.id}/approve")
    for words in ("1\u202f234,50\xa0€", "Zoé Lambert", "•••• 3000", "2\u202f000,00\xa0€", "765,50\xa0€"):
        assert words in admin.text
    assert "Échouée" not in admin.words


def test_approving_sends_once_and_says_so(
    admin: Browser, session: Session, sandbox: Sandbox, payout: Payout
) -> None:
    admin.get(f"{QUEUE}/{payout.id}/approve")
    admin.submit(f"{payout.id}/approve")
    assert fresh(session, payout).status is PayoutStatus.PROCESSING
    assert [p["amount"] for p in paid_at_stripe(sandbox, payout)] == [123_450]
    assert "Payout de 1 234,50 € à Zoé Lambert approuvé et transmis à Stripe" in admin.words
    assert f"/dashboard/admin/traces/payout/{payout.id}" in admin.text


def test_an_unknown_outcome_is_said_plainly(
    admin: Browser, session: Session, sandbox: Sandbox, payout: Payout
) -> None:
    sandbox.faults.add("bad_gateway", method="POST", path="/v1/payouts")
    admin.get(f"{QUEUE}/{payout.id}/approve")
    admin.submit(f"{payout.id}/approve")
    assert fresh(session, payout).status is PayoutStatus.SUBMITTING
    assert "l’issue de l’envoi à Stripe est inconnue" in admin.words
    assert "Ne recommencez pas" in admin.words


def test_a_refusal_by_stripe_is_said_plainly_with_its_code(
    admin: Browser, session: Session, sandbox: Sandbox, zoe: Creator, payout: Payout
) -> None:
    admin.get(f"{QUEUE}/{payout.id}/approve")
    sandbox.fund(str(zoe.stripe_account_id), -150_000)
    admin.submit(f"{payout.id}/approve")
    assert fresh(session, payout).status is PayoutStatus.FAILED
    assert "refusé par Stripe (balance_insufficient) : rien n’a été versé" in admin.words


def test_a_failed_check_must_be_owned_up_to(
    admin: Browser, session: Session, sandbox: Sandbox, zoe: Creator, payout: Payout
) -> None:
    sandbox.fund(str(zoe.stripe_account_id), -150_000)
    admin.get(f"{QUEUE}/{payout.id}/approve")
    assert "Échouée : Le solde disponible couvre le montant" in admin.words
    admin.submit(f"{payout.id}/approve")
    assert admin.status == 422
    assert fresh(session, payout).status is PayoutStatus.REQUESTED
    admin.submit(f"{payout.id}/approve", reason="Solde attendu demain matin")
    assert fresh(session, payout).status is PayoutStatus.FAILED


def test_the_confirmation_survives_a_silent_stripe(admin: Browser, sandbox: Sandbox, payout: Payout) -> None:
    sandbox.faults.add("unavailable", times=None)
    admin.get(f"{QUEUE}/{payout.id}/approve")
    assert admin.status == 200
    assert "Le compte n’a pas pu être lu chez Stripe" in admin.words


def test_two_admins_at_once_pay_once_and_the_loser_learns_who_was_first(
    admin: Browser, bob: Browser, session: Session, sandbox: Sandbox, payout: Payout
) -> None:
    barrier = Barrier(2)
    for browser in (admin, bob):
        browser.get(f"{QUEUE}/{payout.id}/approve")

    def approve(browser: Browser) -> int:
        barrier.wait()
        return browser.submit(f"{payout.id}/approve", follow=False).status_code

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(approve, [admin, bob]))
    assert sorted(answers) == [302, 409]
    winner, loser = ("Alice", bob) if answers[0] == 302 else ("Bob", admin)
    assert f"{winner} a déjà décidé de ce payout" in loser.words
    assert len(paid_at_stripe(sandbox, payout)) == 1
    assert len(logged(session, "PAYOUT_APPROVED")) == 1
    assert len(logged(session, "PAYOUT_APPROVAL_INVALID_STATUS")) == 1


def test_approving_after_a_rejection_is_refused_and_names_who_rejected(
    admin: Browser, bob: Browser, session: Session, sandbox: Sandbox, payout: Payout
) -> None:
    admin.get(f"{QUEUE}/{payout.id}/approve")
    bob.get(f"{QUEUE}/{payout.id}/reject")
    bob.submit(f"{payout.id}/reject", reason="Deux demandes pour le même mois.")
    admin.submit(f"{payout.id}/approve")
    assert admin.status == 409
    assert "Bob a déjà décidé" in admin.words
    assert "Rejeté" in admin.words
    assert paid_at_stripe(sandbox, payout) == []
    assert admin.get(f"{QUEUE}/{payout.id}/approve").status_code == 409
    assert admin.get(f"{QUEUE}/{payout.id}/reject").status_code == 409


def test_a_payout_that_changed_since_the_page_opened_is_not_approved(
    admin: Browser, session: Session, sandbox: Sandbox, payout: Payout
) -> None:
    admin.get(f"{QUEUE}/{payout.id}/approve")
    admin.submit(f"{payout.id}/approve", version="99")
    assert admin.status == 409
    assert "a changé depuis l’ouverture" in admin.words
    assert fresh(session, payout).status is PayoutStatus.REQUESTED


@pytest.mark.parametrize("version", ["x", "-1", "1e3", "9" * 400, "²"])
def test_a_bad_version_is_named(admin: Browser, payout: Payout, version: str) -> None:
    admin.get(f"{QUEUE}/{payout.id}/approve")
    admin.submit(f"{payout.id}/approve", version=version)
    assert admin.status == 400
    assert "version" in admin.words


def test_nobody_approves_their_own_payout(
    app: Flask, factory: Factory, session: Session, sandbox: Sandbox, zoe: Creator, payout: Payout
) -> None:
    zoe.user.role = Role.ADMIN
    session.commit()
    browser = Browser(app).sign_in(zoe.email)
    browser.get(f"{QUEUE}/{payout.id}/approve")
    assert "Échouée : Ce payout n’est pas le vôtre" in browser.words
    assert "Cette approbation serait refusée" in browser.words
    browser.submit(f"{payout.id}/approve", reason="Solde attendu demain matin")
    assert browser.status == 403
    assert "On n’approuve pas son propre payout" in browser.words
    assert fresh(session, payout).status is PayoutStatus.REQUESTED
    assert paid_at_stripe(sandbox, payout) == []
    assert len(logged(session, "USER_ACCESS_DENIED")) == 1


def test_a_block_since_the_page_opened_refuses_the_approval(
    admin: Browser, session: Session, sandbox: Sandbox, zoe: Creator, payout: Payout
) -> None:
    admin.get(f"{QUEUE}/{payout.id}/approve")
    zoe.is_payout_blocked, zoe.payout_block_reason = True, "Litiges en cours"
    session.commit()
    admin.submit(f"{payout.id}/approve")
    assert admin.status == 409
    assert "Litiges en cours" in admin.words
    assert fresh(session, payout).status is PayoutStatus.REQUESTED
    assert paid_at_stripe(sandbox, payout) == []


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_without_a_csrf_token_nothing_is_decided(
    admin: Browser, session: Session, payout: Payout, verb: str
) -> None:
    answer = admin.client.post(f"{QUEUE}/{payout.id}/{verb}", data={"reason": "Une raison bien assez longue"})
    assert answer.status_code == 400
    assert fresh(session, payout).status is PayoutStatus.REQUESTED


def test_rejecting_needs_a_reason(admin: Browser, session: Session, payout: Payout) -> None:
    for reason in ("", "   ", "trop peu", "x" * 501):
        admin.get(f"{QUEUE}/{payout.id}/reject")
        admin.submit(f"{payout.id}/reject", reason=reason)
        assert admin.status == 422
        assert fresh(session, payout).status is PayoutStatus.REQUESTED
    assert len(logged(session, "PAYOUT_REJECTION_NO_REASON")) == 3


def test_a_rejection_is_previewed_as_the_creator_reads_it(
    app: Flask, admin: Browser, session: Session, zoe: Creator, payout: Payout
) -> None:
    reason = "Votre pièce d’identité a expiré <b>hier</b>."
    admin.get(f"{QUEUE}/{payout.id}/reject")
    admin.submit(f"{payout.id}/reject", category="identity", reason=reason, step="preview")
    assert admin.status == 200
    sentence = f"Raison : Compte ou identité à vérifier : {reason}"
    assert sentence in admin.words
    assert fresh(session, payout).status is PayoutStatus.REQUESTED
    admin.submit(f"{payout.id}/reject", category="identity", reason=reason)
    assert fresh(session, payout).status is PayoutStatus.REJECTED
    assert "rejeté : le solde est libéré" in admin.words
    creator = Browser(app).sign_in(zoe.email)
    creator.get(f"/dashboard/creator/payouts/{payout.id}")
    assert sentence in creator.words
    assert "<b>hier" not in creator.text


def test_a_nul_in_the_reason_is_dropped(admin: Browser, session: Session, payout: Payout) -> None:
    admin.get(f"{QUEUE}/{payout.id}/reject")
    admin.submit(f"{payout.id}/reject", category="", reason="Une raison\x00 avec un octet nul")
    assert fresh(session, payout).rejection_reason == "Une raison avec un octet nul"


def test_the_queue_speaks_english(admin: Browser, payout: Payout) -> None:
    admin.get("/language/en?next=/dashboard/admin/payouts")
    assert '<html lang="en"' in admin.text
    assert "€1,234.50" in admin.text
