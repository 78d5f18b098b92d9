"""The creator's own side: balance, the form that asks for a payout, history."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import Creator, Log, Payout, PayoutStatus, uuid7
from portal.stripe_sandbox.sandbox import Sandbox
from tests.browser import Browser
from tests.factories import Factory

HOME = "/dashboard/creator"
NEW = f"{HOME}/payouts/new"
NO_AMOUNTS = (
    *("0", "0,00", "-5", "1e18", "1000000000000000000", "12.345", "NaN", "Infinity", "-Infinity", "1_000", "１２"),
    *("9" * 400, "", " ", "12 €", "1,234.50", "1\x0000", "12.50" + " " * 40 + "9", "9,99", "0x10", "٣٤"),
)


@pytest.fixture
def zoe(factory: Factory) -> Creator:
    return factory.creator(name="Zoé Lambert", balance_minor=200_000)


@pytest.fixture
def page(browser: Browser, zoe: Creator) -> Browser:
    return browser.sign_in(zoe.email)


def payouts(session: Session) -> list[Payout]:
    session.rollback()
    return list(
        session.scalars(select(Payout).order_by(Payout.created_at).execution_options(populate_existing=True))
    )


def logged(session: Session, type: str) -> list[dict[str, Any]]:
    session.rollback()
    return [row.details for row in session.scalars(select(Log).where(Log.type == type).order_by(Log.id))]


def ask(page: Browser, amount: str, **fields: str) -> int:
    page.get(NEW)
    return page.submit(NEW, amount=amount, **fields).status_code


@pytest.mark.parametrize("address", [HOME, NEW, f"{HOME}/payouts"])
def test_only_creators_come_here(app: Flask, factory: Factory, address: str) -> None:
    assert Browser(app).get(address, follow=False).status_code == 302
    for email in (factory.user().email, factory.admin().email):
        assert Browser(app).sign_in(email).get(address).status_code == 403


def test_somebody_elses_payout_does_not_exist(page: Browser, factory: Factory, zoe: Creator) -> None:
    own, foreign = factory.payout(zoe), factory.payout(factory.creator())
    assert page.get(f"{HOME}/payouts/{own.id}").status_code == 200
    for address in (str(foreign.id), str(uuid7()), "abc"):
        assert page.get(f"{HOME}/payouts/{address}").status_code == 404


def test_the_dashboard_shows_what_is_free_and_why_the_rest_is_not(
    page: Browser, factory: Factory, zoe: Creator
) -> None:
    factory.payout(zoe, amount_minor=123_450)
    page.get(HOME)
    assert "Disponible pour un payout 765,50 €" in page.words
    assert "Réservé 1 234,50 €" in page.words
    assert "L’équipe Callastar vérifie votre demande." in page.words


def test_each_currency_has_its_own_line(page: Browser, sandbox: Sandbox, zoe: Creator) -> None:
    sandbox.fund(str(zoe.stripe_account_id), 5_000, "usd")
    page.get(HOME)
    assert "Disponible pour un payout 2 000,00 €" in page.words
    assert "Disponible pour un payout 50,00 $US" in page.words


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"currently_due": ["individual.verification.document"]}, "une pièce d’identité"),
        ({"payouts_enabled": False}, "Virements suspendus par Stripe"),
        ({"bank_status": "errored"}, "Compte bancaire à remplacer"),
        ({"bank_removed": True}, "Compte bancaire manquant"),
    ],
)
def test_problems_of_the_account_are_said_with_what_to_do(
    page: Browser, sandbox: Sandbox, zoe: Creator, change: dict[str, Any], words: str
) -> None:
    sandbox.change_account(str(zoe.stripe_account_id), **change)
    for address in (HOME, NEW):
        page.get(address)
        assert words in page.words


def test_a_silent_stripe_is_said_on_both_pages(page: Browser, sandbox: Sandbox) -> None:
    sandbox.faults.add("unavailable", times=None)
    for address in (HOME, NEW):
        assert page.get(address).status_code == 200
        assert "Votre solde n’a pas pu être lu" in page.words


def test_a_creator_without_account_is_told_what_to_do(app: Flask, factory: Factory) -> None:
    page = Browser(app).sign_in(factory.creator(account=False).email)
    page.get(HOME)
    assert "Compte Stripe à relier" in page.words
    assert "Ouvrir mon compte Stripe" in page.words


@pytest.mark.parametrize(
    ("typed", "minor"), [("12,34", 1_234), ("1 234,50", 123_450), ("1\u202f234,5", 123_450), (" 10 ", 1_000)]
)
def test_amounts_are_taken_as_people_type_them(page: Browser, session: Session, typed: str, minor: int) -> None:
    assert ask(page, typed) == 200
    [payout] = payouts(session)
    assert (payout.amount_minor, payout.status) == (minor, PayoutStatus.REQUESTED)
    assert "Demande de payout" in page.words
    assert str(payout.id) in page.text


def test_amounts_that_are_none_are_refused_beside_the_field(page: Browser, session: Session) -> None:
    for typed in NO_AMOUNTS:
        assert ask(page, typed) == 422, typed[:40]
        assert 'id="amount-error"' in page.text
    assert payouts(session) == []
    assert len(logged(session, "PAYOUT_REQUEST_VALIDATION_ERROR")) == len(NO_AMOUNTS)


def test_a_refusal_keeps_what_was_typed_and_the_same_form_may_be_sent_again(
    page: Browser, session: Session
) -> None:
    page.get(NEW)
    token = page.form(NEW).fields["form_token"]
    page.submit(NEW, amount="12,345")
    assert page.form(NEW).fields["amount"] == "12,345"
    assert page.form(NEW).fields["form_token"] == token
    page.submit(NEW, amount="12,34")
    assert [row.amount_minor for row in payouts(session)] == [1_234]


def test_a_currency_that_is_none_is_refused_beside_the_field(page: Browser, session: Session) -> None:
    for currency in ("", "EU", "EUROS", "12E", "€€€", "E\x00R"):
        assert ask(page, "20", currency=currency) == 422
        assert 'id="currency-error"' in page.text
    assert payouts(session) == []


def test_a_currency_without_balance_is_refused(page: Browser, session: Session) -> None:
    assert ask(page, "20", currency="USD") == 422
    assert "Vous n’avez pas de solde en USD." in page.words
    assert len(logged(session, "PAYOUT_REQUEST_CURRENCY_NOT_FOUND")) == 1


def test_more_than_the_balance_is_refused(page: Browser, session: Session) -> None:
    assert ask(page, "2 000,01") == 422
    assert "Solde insuffisant : 2000.00 EUR disponibles." in page.words
    assert payouts(session) == []
    assert len(logged(session, "PAYOUT_REQUEST_INSUFFICIENT_BALANCE")) == 1


def test_the_whole_balance_may_be_asked_for(page: Browser, session: Session) -> None:
    assert ask(page, "2000") == 200
    assert [row.amount_minor for row in payouts(session)] == [200_000]


def test_a_second_open_payout_is_refused(page: Browser, session: Session) -> None:
    ask(page, "20")
    assert ask(page, "30") == 422
    assert "est déjà en cours" in page.words
    assert [row.amount_minor for row in payouts(session)] == [2_000]


@pytest.mark.parametrize(
    ("change", "event", "words"),
    [
        (
            {"currently_due": ["individual.dob.day"]},
            "PAYOUT_REQUEST_KYC_INCOMPLETE",
            "informations sur votre identité",
        ),
        ({"payouts_enabled": False}, "PAYOUT_REQUEST_BANK_NOT_VERIFIED", "compte bancaire n’est pas validé"),
        ({"bank_status": "errored"}, "PAYOUT_REQUEST_BANK_NOT_VERIFIED", "compte bancaire n’est pas validé"),
    ],
)
def test_an_account_that_is_not_ready_is_refused(
    page: Browser, session: Session, sandbox: Sandbox, zoe: Creator, change: dict[str, Any], event: str, words: str
) -> None:
    sandbox.change_account(str(zoe.stripe_account_id), **change)
    assert ask(page, "20") == 422
    assert words in page.words
    assert payouts(session) == []
    assert len(logged(session, event)) == 1


def test_no_account_and_a_block_are_refused(app: Flask, factory: Factory, session: Session) -> None:
    for creator, event, words in (
        (factory.creator(account=False), "PAYOUT_REQUEST_NO_STRIPE_ACCOUNT", "Reliez d’abord votre compte Stripe"),
        (factory.creator(is_payout_blocked=True, payout_block_reason="Litiges en cours"),
         "PAYOUT_REQUEST_BLOCKED", "Vos payouts sont bloqués : Litiges en cours"),
    ):  # fmt: skip
        page = Browser(app).sign_in(creator.email)
        assert ask(page, "20") == 422
        assert words in page.words
        assert len(logged(session, event)) == 1
    assert payouts(session) == []


def test_a_silent_stripe_refuses_without_losing_what_was_typed(
    page: Browser, session: Session, sandbox: Sandbox
) -> None:
    page.get(NEW)
    sandbox.faults.add("unavailable", times=None)
    page.submit(NEW, amount="20")
    assert page.status == 502
    assert "rien n’a été débité" in page.words
    assert page.form(NEW).fields["amount"] == "20"
    assert payouts(session) == []


@pytest.mark.parametrize("token", ["", "short", "\x00" * 20, "é" * 20])
def test_a_form_without_a_name_is_given_a_new_one(page: Browser, session: Session, token: str) -> None:
    page.get(NEW)
    page.submit(NEW, amount="20", form_token=token)
    assert page.status == 422
    assert "Ce formulaire a expiré" in page.words
    page.submit(NEW, amount="20")
    assert len(payouts(session)) == 1


def test_a_double_click_makes_one_payout_and_both_lead_to_it(
    app: Flask, factory: Factory, session: Session, zoe: Creator
) -> None:
    pages = [Browser(app).sign_in(zoe.email) for _ in range(4)]
    barrier = Barrier(len(pages))
    for page in pages:
        page.get(NEW)
    token = pages[0].form(NEW).fields["form_token"]

    def click(page: Browser) -> str:
        barrier.wait()
        return page.submit(NEW, follow=False, amount="20", form_token=token).location

    with ThreadPoolExecutor(len(pages)) as pool:
        led = set(pool.map(click, pages))
    [payout] = payouts(session)
    assert led == {f"{HOME}/payouts/{payout.id}"}
    assert len(logged(session, "PAYOUT_REQUESTED")) == 1


def test_sending_the_form_again_leads_to_the_same_payout(page: Browser, session: Session) -> None:
    page.get(NEW)
    form = page.form(NEW)
    for words in ("enregistrée", "était déjà enregistrée"):
        page.page = page.client.post(NEW, data={**form.fields, "amount": "20"}, follow_redirects=True)
        assert words in page.words
    assert len(payouts(session)) == 1


def test_two_forms_at_once_never_exceed_the_balance(app: Flask, session: Session, zoe: Creator) -> None:
    pages = [Browser(app).sign_in(zoe.email) for _ in range(2)]
    barrier = Barrier(2)
    for page in pages:
        page.get(NEW)

    def click(page: Browser) -> int:
        barrier.wait()
        return page.submit(NEW, follow=False, amount="1500").status_code

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(click, pages)) == [302, 422]
    assert [row.amount_minor for row in payouts(session)] == [150_000]


def test_within_the_automatic_limit_the_payout_is_on_its_way(
    page: Browser, session: Session, sandbox: Sandbox, change_settings: Any
) -> None:
    from decimal import Decimal

    change_settings(payout_auto_approve_limit=Decimal(100))
    assert ask(page, "100") == 200
    assert [row.status for row in payouts(session)] == [PayoutStatus.PROCESSING]
    assert len(sandbox.ledger()["payouts"]) == 1
    assert "En route vers votre banque" in page.words
    assert "vérifie la demande" not in page.words


def test_without_a_csrf_token_nothing_is_asked(page: Browser, session: Session) -> None:
    assert (
        page.client.post(NEW, data={"amount": "20", "currency": "EUR", "form_token": "x" * 20}).status_code == 400
    )
    assert payouts(session) == []


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (PayoutStatus.REQUESTED, "En vérification"),
        (PayoutStatus.REVIEW, "vous n’avez rien à faire"),
        (PayoutStatus.REJECTED, "Votre pièce d’identité a expiré"),
        (PayoutStatus.FAILED, "Votre compte bancaire est fermé"),
        (PayoutStatus.RETURNED, "Votre compte bancaire est fermé"),
        (PayoutStatus.PAID, "Arrivé sur votre compte"),
        (PayoutStatus.CANCELED, "rien n’a été versé"),
    ],
)
def test_history_and_detail_say_what_happens_in_the_creators_words(
    page: Browser, factory: Factory, zoe: Creator, status: PayoutStatus, words: str
) -> None:
    row = factory.payout(
        zoe, status=status, failure_code="account_closed", rejection_reason="Votre pièce d’identité a expiré"
    )
    factory.payout(factory.creator(), amount_minor=77_777)
    page.get(f"{HOME}/payouts")
    assert words in page.words
    assert "777,77" not in page.words
    page.get(f"{HOME}/payouts/{row.id}")
    assert words in page.words
    for secret in ("account_closed", "cs-po:", str(zoe.stripe_account_id)):
        assert secret not in page.text


def test_nobody_reads_anothers_history_by_its_parameter(page: Browser, factory: Factory) -> None:
    other = factory.creator()
    factory.payout(other, amount_minor=77_777)
    page.get(f"{HOME}/payouts?creatorId={other.id}")
    assert "777,77" not in page.words


def test_the_form_speaks_english(page: Browser) -> None:
    page.get(f"/language/en?next={NEW}")
    assert '<html lang="en"' in page.text


def test_the_form_begins_with_everything_there_is(app: Flask, factory: Factory) -> None:
    rich, poor = factory.creator(balance_minor=123_456), factory.creator(balance_minor=10)
    page = Browser(app).sign_in(rich.email)
    page.get("/dashboard/creator/payouts/new")
    assert page.form("/payouts/new").fields["amount"] == "1234,56"
    other = Browser(app).sign_in(poor.email)
    other.get("/dashboard/creator/payouts/new")
    assert other.form("/payouts/new").fields["amount"] == ""


def test_a_request_under_way_is_said_before_another_is_made(app: Flask, factory: Factory) -> None:
    creator = factory.creator()
    factory.payout(creator, amount_minor=4_200)
    page = Browser(app).sign_in(creator.email)
    page.get("/dashboard/creator/payouts/new")
    assert "Une demande de 42,00 € est déjà en cours" in page.words
    page.get("/dashboard/creator")
    assert "Comment vous êtes payé" in page.words
