"""Deciding with care and one after the other: retyping, reasons, the next payout, several at once."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.blueprints.payouts import bulk
from portal.domain.money import is_amount
from portal.models import Creator, Log, Payout, PayoutStatus, uuid7
from portal.stripe_sandbox.sandbox import Sandbox
from tests.browser import Browser
from tests.factories import Factory

QUEUE = "/dashboard/admin/payouts"


@pytest.fixture
def admin(factory: Factory, browser: Browser) -> Browser:
    return browser.sign_in(factory.admin().email)


@pytest.fixture
def zoe(factory: Factory) -> Creator:
    return factory.creator(name="Zoé", balance_minor=200_000)


def status_of(session: Session, payout: Payout) -> PayoutStatus:
    session.expire_all()
    return session.get_one(Payout, payout.id).status


@pytest.mark.parametrize(
    ("typed", "minor", "currency", "same"),
    [
        *[(typed, 123_450, "EUR", True) for typed in ("1234.50", "1234,5", "1 234,50", "1\u202f234,50 €")],
        ("EUR 1234.50", 123_450, "EUR", True),
        *[(typed, 123_450, "EUR", True) for typed in ("€1,234.50", " 1234,50\u00a0€ ")],
        *[(typed, 123_450, "EUR", False) for typed in ("", None, "1234", "1234.51", "-1234.50", "1.234,50")],
        *[(typed, 123_450, "EUR", False) for typed in ("x", "٣")],
        ("5,000", 5_000, "JPY", True), ("5000", 5_000, "JPY", True), ("50", 5_000, "JPY", False),
        ("1.234", 1_234, "KWD", True), ("9" * 500, 1, "EUR", False),
    ],
)  # fmt: skip
def test_an_amount_is_recognised_as_people_write_it(
    typed: str | None, minor: int, currency: str, same: bool
) -> None:
    assert is_amount(typed, minor, currency) is same


def test_a_large_amount_is_typed_again_and_a_small_one_is_not(
    admin: Browser, factory: Factory, session: Session, zoe: Creator, change_settings: Any
) -> None:
    change_settings(payout_retype_above=Decimal(100))
    payout = factory.payout(zoe, amount_minor=10_050)
    small = factory.payout(factory.creator(), amount_minor=10_000)
    assert "Retapez le montant" not in admin.get(f"{QUEUE}/{small.id}/approve").text
    admin.get(f"{QUEUE}/{payout.id}/approve")
    assert "Retapez le montant" in admin.text
    for wrong in ("", "100.51", "10050"):
        admin.submit(f"{payout.id}/approve", amount=wrong)
        assert admin.status == 422
        assert "Ce n’est pas le montant affiché." in admin.words
    assert status_of(session, payout) is PayoutStatus.REQUESTED
    admin.submit(f"{payout.id}/approve", amount="100,50 €")
    assert status_of(session, payout) is PayoutStatus.PROCESSING


def test_a_failed_check_needs_a_reason_which_the_book_keeps(
    admin: Browser, factory: Factory, session: Session, zoe: Creator, sandbox: Sandbox
) -> None:
    payout = factory.payout(zoe, amount_minor=10_050)
    sandbox.fund(str(zoe.stripe_account_id), -195_000)
    admin.get(f"{QUEUE}/{payout.id}/approve")
    admin.submit(f"{payout.id}/approve", reason="trop bref")
    assert admin.status == 422
    assert "Donnez votre raison, de 10 à 500 caractères." in admin.words
    admin.submit(f"{payout.id}/approve", reason="Le virement arrive ce soir")
    told = session.scalars(select(Log).where(Log.type == "PAYOUT_APPROVAL_VALIDATED")).one()
    assert told.details["despiteChecks"] == "Le virement arrive ce soir"


def test_what_a_browser_says_of_the_checks_is_not_believed(
    admin: Browser, app: Flask, factory: Factory, session: Session, zoe: Creator, sandbox: Sandbox
) -> None:
    payout, other = factory.payout(zoe, amount_minor=10_050), factory.payout(factory.creator())
    stranger = Browser(app).sign_in(factory.admin().email)
    seals = []
    for browser, shown in ((admin, other), (stranger, payout)):
        browser.get(f"{QUEUE}/{shown.id}/approve")
        seals.append(browser.form(f"{shown.id}/approve").fields["passed"])
    assert all(seals)
    sandbox.fund(str(zoe.stripe_account_id), -195_000)
    for claimed in ("", "1", *seals):
        admin.get(f"{QUEUE}/{payout.id}/approve")
        assert admin.form(f"{payout.id}/approve").fields["passed"] == ""
        for version in ({}, {"version": ""}):
            admin.submit(f"{payout.id}/approve", passed=claimed, **version)
            assert (admin.status, "Donnez votre raison" in admin.words) == (422, True), claimed
    assert status_of(session, payout) is PayoutStatus.REQUESTED
    sandbox.fund(str(zoe.stripe_account_id), 195_000)
    admin.submit(f"{payout.id}/approve", passed="")
    assert status_of(session, payout) is PayoutStatus.PROCESSING


def test_what_the_page_showed_counts_for_ten_minutes(
    admin: Browser, factory: Factory, session: Session, zoe: Creator, sandbox: Sandbox
) -> None:
    payout = factory.payout(zoe, amount_minor=10_050)
    admin.get(f"{QUEUE}/{payout.id}/approve")
    sandbox.fund(str(zoe.stripe_account_id), -195_000)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=11), tick=True):
        session.execute(text("update user_session set confirmed_at = now() + interval '11 minutes'"))
        session.commit()
        admin.submit(f"{payout.id}/approve")
    assert (admin.status, status_of(session, payout)) == (422, PayoutStatus.REQUESTED)


def test_after_a_decision_the_longest_waiting_is_offered(admin: Browser, factory: Factory, zoe: Creator) -> None:
    first, second = factory.payout(zoe), factory.payout(factory.creator(name="Léa"), amount_minor=4_200)
    admin.get(f"{QUEUE}/{first.id}/approve")
    admin.submit(f"{first.id}/approve")
    assert "Suivant : 42,00 € à Léa" in admin.words
    assert f'href="{QUEUE}/{second.id}" rel="next"' in admin.text
    admin.get(f"{QUEUE}/{second.id}/reject")
    admin.submit(f"{second.id}/reject", reason="Pièces manquantes au dossier")
    assert "Suivant :" not in admin.words


def test_several_are_repeated_then_approved_each_with_its_own_result(
    admin: Browser, app: Flask, factory: Factory, session: Session, sandbox: Sandbox, change_settings: Any
) -> None:
    change_settings(payout_retype_above=Decimal(500))
    fine = [factory.payout(factory.creator(), amount_minor=10_000) for _ in range(2)]
    swiss = factory.payout(factory.creator(currency="CHF"), amount_minor=7_500)
    large = factory.payout(factory.creator(), amount_minor=60_000)
    blocked = factory.payout(factory.creator(is_payout_blocked=True, payout_block_reason="Litiges en cours"))
    poor = factory.payout(factory.creator(balance_minor=100), amount_minor=20_000)
    done = factory.payout(factory.creator(), status=PayoutStatus.PAID)
    everything = [*fine, swiss, large, blocked, poor, done]
    admin.get(f"{QUEUE}/approve", query_string=[("id", str(payout.id)) for payout in everything])
    assert "Approuver 4 payouts : 400,00 € + 75,00 CHF" in admin.words
    for reason in ("montant à retaper", "payouts du créateur bloqués", "n’attend plus de décision"):
        assert reason in admin.words
    assert {status_of(session, payout) for payout in fine} == {PayoutStatus.REQUESTED}
    token = admin.form("/approve").fields["csrf_token"]
    wanted = [f"{payout.id}:{payout.version}" for payout in everything]
    wanted[1] = f"{fine[1].id}:{fine[1].version + 1}"
    admin.page = admin.client.post(f"{QUEUE}/approve", data={"csrf_token": token, "payout": wanted})
    assert "2 sur 7 approuvés" in admin.words
    assert "a changé depuis l’ouverture" in admin.words
    assert "vérifications non réussies chez Stripe" in admin.words
    assert [status_of(session, payout) for payout in everything] == [
        PayoutStatus.PROCESSING, PayoutStatus.REQUESTED, PayoutStatus.PROCESSING, PayoutStatus.REQUESTED,
        PayoutStatus.REQUESTED, PayoutStatus.REQUESTED, PayoutStatus.PAID,
    ]  # fmt: skip


def test_a_selection_that_takes_too_long_leaves_the_rest_for_the_next(
    admin: Browser, factory: Factory, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "PATIENCE", -1)
    payout = factory.payout(factory.creator())
    admin.get(f"{QUEUE}/approve?id={payout.id}")
    admin.submit("/approve")
    assert "pas commencé, faute de temps" in admin.words
    assert status_of(session, payout) is PayoutStatus.REQUESTED


def test_a_broken_selection_is_refused(admin: Browser, factory: Factory) -> None:
    for query in ("", "?id=x", "?" + "&".join(f"id={uuid7()}" for _ in range(51))):
        assert admin.get(f"{QUEUE}/approve{query}").status_code == 400
    assert admin.get(f"{QUEUE}/approve?id={uuid7()}").status_code == 404
    payout = factory.payout(factory.creator())
    admin.get(f"{QUEUE}/approve?id={payout.id}")
    token = admin.form("/approve").fields["csrf_token"]
    for given in ([], [str(payout.id)], [f"{payout.id}:x"], [f"{payout.id}:-1"]):
        answer = admin.client.post(f"{QUEUE}/approve", data={"csrf_token": token, "payout": given})
        assert answer.status_code == 400


def test_the_queue_has_boxes_where_there_is_something_to_approve(admin: Browser, factory: Factory) -> None:
    payout = factory.payout(factory.creator())
    admin.get(f"{QUEUE}?status=REQUESTED")
    assert f'name="id" value="{payout.id}" form="selection"' in admin.text
    assert 'form="selection"' not in admin.get(QUEUE).text
