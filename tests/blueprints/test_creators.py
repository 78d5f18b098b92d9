"""Creators, one creator, and the block on their payouts."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import Creator, Log
from portal.stripe_sandbox.sandbox import Sandbox
from tests.browser import Browser
from tests.factories import UNKNOWN_ID, Factory

LIST = "/dashboard/admin/creators"
REASON = "Trois litiges ouverts cette semaine"


@pytest.fixture
def zoe(factory: Factory) -> Creator:
    return factory.creator(name="Zoé Lambert", payouts_enabled=True)


@pytest.fixture
def admin(factory: Factory, browser: Browser) -> Browser:
    return browser.sign_in(factory.admin(name="Alice").email)


def fresh(session: Session, creator: Creator) -> Creator:
    session.rollback()
    return session.get_one(Creator, creator.id, populate_existing=True)


def logged(session: Session, type: str) -> list[dict[str, Any]]:
    session.rollback()
    return [row.details for row in session.scalars(select(Log).where(Log.type == type).order_by(Log.id))]


@pytest.mark.parametrize("path", ["", "/{id}", "/{id}/block", "/{id}/unblock"])
def test_only_admins_see_creators(app: Flask, factory: Factory, zoe: Creator, path: str) -> None:
    address = LIST + path.format(id=zoe.id)
    assert Browser(app).get(address, follow=False).status_code == 302
    for email in (factory.user().email, zoe.email):
        assert Browser(app).sign_in(email).get(address).status_code == 403


@pytest.mark.parametrize("path", ["/{id}", "/{id}/block", "/{id}/unblock"])
@pytest.mark.parametrize("unknown", [UNKNOWN_ID, "abc"])
def test_an_unknown_creator_is_not_found(admin: Browser, path: str, unknown: str) -> None:
    assert admin.get(LIST + path.format(id=unknown)).status_code == 404


def test_the_list_is_searched_and_narrowed(admin: Browser, factory: Factory, zoe: Creator) -> None:
    blocked = factory.creator(name="Bloqué", is_payout_blocked=True, payout_block_reason="Litiges en cours")
    nobody = factory.creator(name="Sans compte", account=False)
    stripe = factory.creator(name="Versée", payouts_enabled=True, stripe_schedule_interval="daily")
    found = {
        "": {zoe, blocked, nobody, stripe},
        "q=lambert": {zoe},
        f"q=@{nobody.handle}": {nobody},
        f"q={zoe.stripe_account_id}": {zoe},
        f"q={blocked.email}": {blocked},
        "state=blocked": {blocked},
        "state=no_account": {nobody},
        "state=payouts_disabled": {blocked},
        "state=schedule": {stripe},
        "state=blocked&q=lambert": set(),
    }
    for query, wanted in found.items():
        admin.get(f"{LIST}?{query}")
        shown = {c for c in (zoe, blocked, nobody, stripe) if f"{LIST}/{c.id}" in admin.text}
        assert shown == wanted, query


@pytest.mark.parametrize("query", ["state=x", "limit=1", "cursor=zzz", "q=%00", "colour=red"])
def test_a_bad_parameter_is_named(admin: Browser, query: str) -> None:
    assert admin.get(f"{LIST}?{query}").status_code == 400
    assert query.partition("=")[0] in admin.words


def test_the_detail_reads_the_balance_from_stripe_and_what_is_reserved(
    admin: Browser, factory: Factory, sandbox: Sandbox, zoe: Creator
) -> None:
    factory.payout(zoe, amount_minor=12_345)
    sandbox.fund(str(zoe.stripe_account_id), 5_000, "usd")
    admin.get(f"{LIST}/{zoe.id}")
    assert "EUR 1 000,00 € 123,45 € 876,55 €" in admin.words
    assert "USD 50,00 $US" in admin.words
    assert "•••• 3000" in admin.words
    assert f"entity={zoe.id}" in admin.text


def test_the_detail_says_what_stands_in_the_way(admin: Browser, sandbox: Sandbox, zoe: Creator) -> None:
    sandbox.change_account(
        str(zoe.stripe_account_id),
        currently_due=["individual.dob.day"],
        payouts_enabled=False,
        bank_status="errored",
    )
    admin.get(f"{LIST}/{zoe.id}")
    for words in ("Stripe attend encore des informations", "individual.dob.day", "n’autorise pas les payouts",
                  "doit être remplacé"):  # fmt: skip
        assert words in admin.words


def test_a_silent_stripe_is_said_and_the_rest_is_shown(
    admin: Browser, factory: Factory, sandbox: Sandbox, zoe: Creator
) -> None:
    factory.payout(zoe, amount_minor=12_345)
    sandbox.faults.add("unavailable", times=None)
    admin.get(f"{LIST}/{zoe.id}")
    assert admin.status == 200
    assert "Stripe n’a pas répondu" in admin.words
    assert "123,45 €" in admin.words
    assert "1 000,00 €" not in admin.words


def test_a_creator_without_account_has_no_balance(admin: Browser, factory: Factory) -> None:
    admin.get(f"{LIST}/{factory.creator(account=False).id}")
    assert admin.status == 200
    assert "Sans compte Stripe, il n’y a pas de solde." in admin.words


def test_blocking_needs_the_handle_and_a_reason(admin: Browser, session: Session, zoe: Creator) -> None:
    wrong = [
        {"handle": "somebody", "reason": REASON},
        {"handle": "", "reason": REASON},
        {"handle": zoe.handle, "reason": "court"},
        {"handle": zoe.handle, "reason": "   "},
        {"handle": zoe.handle, "reason": "x" * 501},
    ]
    for fields in wrong:
        admin.get(f"{LIST}/{zoe.id}/block")
        admin.submit(f"{zoe.id}/block", **fields)
        assert admin.status == 422
        assert "à corriger" in admin.words
        assert not fresh(session, zoe).is_payout_blocked
    assert len(logged(session, "PAYOUT_BLOCK_VALIDATION_ERROR")) == 3


def test_blocking_and_unblocking_leave_their_reasons(admin: Browser, session: Session, zoe: Creator) -> None:
    admin.get(f"{LIST}/{zoe.id}/block")
    admin.submit(f"{zoe.id}/block", handle=f"@{zoe.handle.upper()}", reason=f" {REASON} ")
    assert "Payouts de Zoé Lambert bloqués" in admin.words
    assert fresh(session, zoe).payout_block_reason == REASON
    assert logged(session, "CREATOR_PAYOUT_BLOCKED")[0]["blockReason"] == REASON
    admin.get(f"{LIST}/{zoe.id}/unblock")
    assert REASON in admin.words
    admin.submit(f"{zoe.id}/unblock", reason="Les litiges sont gagnés")
    assert "Payouts de Zoé Lambert débloqués." in admin.words
    assert not fresh(session, zoe).is_payout_blocked
    [row] = logged(session, "CREATOR_PAYOUT_UNBLOCKED")
    assert (row["previousBlockReason"], row["reason"]) == (REASON, "Les litiges sont gagnés")


def test_unblocking_needs_a_reason(admin: Browser, factory: Factory, session: Session) -> None:
    creator = factory.creator(is_payout_blocked=True, payout_block_reason=REASON)
    admin.get(f"{LIST}/{creator.id}/unblock")
    admin.submit(f"{creator.id}/unblock", reason="court")
    assert admin.status == 422
    assert fresh(session, creator).is_payout_blocked


def test_blocking_twice_at_once_blocks_once(
    app: Flask, admin: Browser, factory: Factory, session: Session, zoe: Creator
) -> None:
    other = Browser(app).sign_in(factory.admin().email)
    barrier = Barrier(2)
    for browser in (admin, other):
        browser.get(f"{LIST}/{zoe.id}/block")

    def block(browser: Browser) -> int:
        barrier.wait()
        return browser.submit(f"{zoe.id}/block", follow=False, handle=zoe.handle, reason=REASON).status_code

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(block, [admin, other]))
    assert sorted(answers) == [302, 409]
    loser = admin if answers[0] == 409 else other
    assert f"sont déjà bloqués : {REASON}" in loser.words
    assert len(logged(session, "CREATOR_PAYOUT_BLOCKED")) == 1
    assert len(logged(session, "PAYOUT_BLOCK_ALREADY_BLOCKED")) == 1


def test_what_is_already_so_is_not_asked_again(admin: Browser, factory: Factory, zoe: Creator) -> None:
    blocked = factory.creator(is_payout_blocked=True, payout_block_reason=REASON)
    assert admin.get(f"{LIST}/{blocked.id}/block").status_code == 409
    assert REASON in admin.words
    assert admin.get(f"{LIST}/{zoe.id}/unblock").status_code == 409


def test_opening_the_confirmation_changes_nothing(admin: Browser, session: Session, zoe: Creator) -> None:
    assert admin.get(f"{LIST}/{zoe.id}/block").status_code == 200
    assert not fresh(session, zoe).is_payout_blocked
    assert logged(session, "PAYOUT_BLOCK_INITIATED") == []


@pytest.mark.parametrize("verb", ["block", "unblock"])
def test_without_a_csrf_token_nothing_changes(admin: Browser, session: Session, zoe: Creator, verb: str) -> None:
    answer = admin.client.post(f"{LIST}/{zoe.id}/{verb}", data={"reason": REASON, "handle": zoe.handle})
    assert answer.status_code == 400
    assert not fresh(session, zoe).is_payout_blocked
