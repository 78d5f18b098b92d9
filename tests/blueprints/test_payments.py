"""Payments, refunds and disputes for admins: lists with totals, one payment, and giving money back."""

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import Creator, Log, Payment, PaymentStatus, Refund, RefundStatus, Role, uuid7
from portal.stripe_sandbox.sandbox import Sandbox
from tests.browser import Browser
from tests.factories import UNKNOWN_ID, Factory
from tests.sales import REASON, Sales

LIST = "/dashboard/admin/payments"
COMPLAINTS = "/dashboard/admin/refunds-disputes"


@pytest.fixture
def sales(app: Flask, session: Session) -> Sales:
    return Sales(app, session)


@pytest.fixture
def zoe(factory: Factory) -> Creator:
    return factory.creator(name="Zoé Lambert", balance_minor=0)


@pytest.fixture
def paid(sales: Sales, factory: Factory, zoe: Creator) -> Payment:
    """100.00 EUR from Paul, of which 85.00 are Zoé's."""
    return sales.sell(zoe, factory.user(name="Paul Client"))


@pytest.fixture
def admin(factory: Factory, browser: Browser) -> Browser:
    factory.admin(email="alice@example.test", name="Alice")
    return browser.sign_in("alice@example.test")


def refunds(session: Session) -> list[Refund]:
    session.rollback()
    return list(session.scalars(select(Refund).order_by(Refund.created_at)))


PATHS = [LIST, COMPLAINTS, LIST + "/{id}", LIST + "/{id}/refund"]


@pytest.mark.parametrize("path", PATHS)
def test_only_admins_see_payments(app: Flask, factory: Factory, zoe: Creator, paid: Payment, path: str) -> None:
    address = path.format(id=paid.id)
    assert Browser(app).get(address, follow=False).headers["Location"].startswith("/login")
    for email in (zoe.email, factory.user(Role.USER).email):
        assert Browser(app).sign_in(email).get(address).status_code == 403


@pytest.mark.parametrize("path", [p for p in PATHS if "{id}" in p])
@pytest.mark.parametrize("id_", [UNKNOWN_ID, "not-an-id"])
def test_a_payment_that_does_not_exist_is_404(admin: Browser, path: str, id_: str) -> None:
    assert admin.get(path.format(id=id_)).status_code == 404


def test_the_list_shows_who_paid_whom_and_what_it_adds_up_to(
    admin: Browser, sales: Sales, factory: Factory, zoe: Creator, paid: Payment
) -> None:
    yen = factory.creator(name="Aiko Mori", currency="JPY", balance_minor=0)
    sales.sell(yen, factory.user(), 5_000)
    sales.give_back(paid, amount="10")
    admin.get(LIST)
    assert "Paul Client" in admin.words
    for amount in ("100,00\u00a0€", "15,00\u00a0€", "10,00\u00a0€", "5\u202f000\u00a0JPY"):
        assert amount.replace("\u00a0", " ").replace("\u202f", " ") in admin.words.replace("\u202f", " "), amount
    admin.get(f"{LIST}?creatorId={yen.id}")
    assert "Paul Client" not in admin.words


@pytest.mark.parametrize("query", ["q=Paul", "q=Lambert", "q=30+minutes", "status=SUCCEEDED", "from=now-1d"])
def test_filters_find_the_payment(admin: Browser, paid: Payment, query: str) -> None:
    assert f'data-payment-id="{paid.id}"' in admin.get(f"{LIST}?{query}").text


@pytest.mark.parametrize("query", ["q=nobody", "status=FAILED", "to=now-1d", "q=%25", "q=_"])
def test_filters_that_fit_nothing_say_so(admin: Browser, paid: Payment, query: str) -> None:
    assert "Aucun paiement ne correspond" in admin.get(f"{LIST}?{query}").text


@pytest.mark.parametrize("query", ["status=DONE", "page=2", "limit=7", "cursor=x", "creatorId=1", "from=never"])
@pytest.mark.parametrize("path", [LIST, COMPLAINTS])
def test_a_bad_parameter_is_named(admin: Browser, path: str, query: str) -> None:
    assert admin.get(f"{path}?{query}").status_code == 400
    assert query.partition("=")[0] in admin.words


def test_pages_follow_each_other_without_a_gap(admin: Browser, session: Session, paid: Payment) -> None:
    shares = {"amount_minor": 100, "platform_fee_minor": 15, "creator_amount_minor": 85, "currency": "EUR"}
    for _ in range(30):
        session.add(Payment(id=uuid7(), booking_id=paid.booking_id, status=PaymentStatus.FAILED, **shares))
    session.commit()
    first = re.findall(r'data-payment-id="([^"]+)"', admin.get(f"{LIST}?limit=25").text)
    [following] = re.findall(r'rel="next" href="([^"]+)"', admin.text)
    second = re.findall(r'data-payment-id="([^"]+)"', admin.get(following.replace("&amp;", "&")).text)
    assert (len(first), len(second), len({*first, *second})) == (25, 6, 31)


def test_a_refund_says_what_it_does_before_and_shows_it_after(
    admin: Browser, session: Session, sales: Sales, paid: Payment, zoe: Creator, factory: Factory, sandbox: Sandbox
) -> None:
    factory.payout(zoe, amount_minor=8_000)
    admin.get(f"{LIST}/{paid.id}/refund")
    assert admin.form("/refund").fields["amount"] == "100,00"
    admin.submit("/refund", amount="10", reason=REASON, step="preview")
    assert "Solde disponible après 76,50 €" in admin.words.replace("\u00a0", " ")
    assert "Des payouts demandés ne seraient plus couverts" in admin.words
    assert refunds(session) == []
    admin.submit("/refund", reason=REASON)
    assert admin.status == 200
    [refund] = refunds(session)
    assert (refund.status, refund.amount_minor, refund.reason) == (RefundStatus.SUCCEEDED, 1_000, REASON)
    assert "10,00 € remboursés à Paul Client." in admin.words.replace("\u00a0", " ")
    assert sandbox.balance(zoe.stripe_account_id or "") == {"eur": (7_650, 0)}


def test_the_same_form_sent_twice_refunds_once(admin: Browser, session: Session, paid: Payment) -> None:
    admin.get(f"{LIST}/{paid.id}/refund")
    form = admin.form("/refund")
    data = {**form.fields, "amount": "10", "reason": REASON}
    for _ in range(2):
        assert admin.client.post(form.action, data=data).status_code == 302
    assert len(refunds(session)) == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"amount": "100.01"}, "Il reste 100.00 EUR"),
        ({"amount": "NaN"}, "Indiquez un montant"),
        ({"amount": "0"}, "supérieur à zéro"),
        ({"reason": "court"}, "de 10 à 500"),
        ({"reason": ""}, "de 10 à 500"),
    ],
)
def test_a_bad_refund_is_refused_beside_its_field_and_recorded(
    admin: Browser, session: Session, paid: Payment, given: dict[str, str], said: str
) -> None:
    admin.get(f"{LIST}/{paid.id}/refund")
    admin.submit("/refund", **{"amount": "10", "reason": REASON} | given)
    assert admin.status == 422
    assert said in admin.words
    assert refunds(session) == []
    assert session.scalars(select(Log.type).where(Log.type == "REFUND_VALIDATION_ERROR")).all()


def test_an_unknown_outcome_is_told_as_such(
    admin: Browser, session: Session, sales: Sales, paid: Payment, sandbox: Sandbox
) -> None:
    sandbox.faults.add("drop_after", method="POST", path="/v1/refunds", times=1)
    admin.get(f"{LIST}/{paid.id}/refund")
    admin.submit("/refund", amount="10", reason=REASON)
    assert "Stripe n’a pas encore répondu" in admin.words
    sales.sweep()
    assert [refund.status for refund in refunds(session)] == [RefundStatus.SUCCEEDED]


def test_a_refund_without_its_token_is_refused(admin: Browser, session: Session, paid: Payment) -> None:
    data = {"amount": "10", "reason": REASON}
    assert admin.client.post(f"{LIST}/{paid.id}/refund", data=data).status_code == 400
    assert refunds(session) == []


def test_a_dispute_is_listed_with_its_due_date_and_stops_refunds(
    admin: Browser, sales: Sales, paid: Payment, sandbox: Sandbox, deliver: Any, process: Any
) -> None:
    assert "Aucun litige ouvert" in admin.get(f"{COMPLAINTS}?kind=disputes&open=1").text
    sandbox.open_dispute(sales.charge(paid))
    deliver()
    process()
    admin.get(f"{COMPLAINTS}?kind=disputes&open=1")
    assert "Réponse attendue" in admin.words
    assert "Paiement non reconnu par le porteur" in admin.words
    admin.get(f"{LIST}/{paid.id}")
    assert "Litige ouvert" in admin.words
    assert f"{paid.id}/refund" not in admin.text
    admin.get(f"{LIST}/{paid.id}/refund")
    admin.submit("/refund", amount="10", reason=REASON)
    assert admin.status == 409
    assert "en litige" in admin.words


def test_a_refund_that_fails_later_leaves_the_creators_share_to_be_given_back(
    admin: Browser, session: Session, sales: Sales, paid: Payment, sandbox: Sandbox, deliver: Any, process: Any
) -> None:
    refund = sales.give_back(paid, amount="10")
    sandbox.fail_refund(refund.stripe_refund_id or "")
    deliver()
    process()
    admin.get(f"{LIST}/{paid.id}")
    assert "8,50 € à rendre au créateur" in admin.words.replace("\u00a0", " ")
    [row] = session.scalars(select(Log).where(Log.type == "REFUND_FAILED"))
    assert row.details["owedToCreator"] == 8.5


def test_refunds_are_listed_with_their_failures(
    admin: Browser, sales: Sales, paid: Payment, sandbox: Sandbox, deliver: Any, process: Any
) -> None:
    refund = sales.give_back(paid, amount="10")
    sandbox.fail_refund(refund.stripe_refund_id or "")
    deliver()
    process()
    admin.get(f"{COMPLAINTS}?kind=refunds&status=FAILED")
    assert "Carte expirée ou annulée" in admin.words
    assert "10,00" in admin.words


class TestJson:
    """POST /api/admin/payments/<id>/refund."""

    def path(self, paid: Payment) -> str:
        return f"/api/admin/payments/{paid.id}/refund"

    def test_a_part_is_given_back(self, admin: Browser, paid: Payment) -> None:
        answer = admin.get(LIST) and admin.send_json(
            "POST", self.path(paid), {"amount": "12.50", "reason": REASON}
        )
        assert answer.status_code == 201
        assert answer.json is not None
        shown = {name: answer.json[name] for name in ("amount", "currency", "status", "reason", "paymentId")}
        assert shown == {
            "amount": 12.5, "currency": "EUR", "status": "SUCCEEDED", "reason": REASON, "paymentId": str(paid.id)
        }  # fmt: skip

    def test_without_an_amount_everything_is_given_back(self, admin: Browser, paid: Payment) -> None:
        admin.get(LIST)
        answer = admin.send_json("POST", self.path(paid), {"reason": REASON})
        assert answer.json is not None
        assert answer.json["amount"] == 100

    @pytest.mark.parametrize("amount", [None, True, [], {}, "", 0, -1, 1e400, "1e2", "9" * 400, "１０", 10.001])
    def test_an_amount_that_cannot_be_is_a_422(
        self, admin: Browser, session: Session, paid: Payment, amount: Any
    ) -> None:
        admin.get(LIST)
        answer = admin.send_json("POST", self.path(paid), {"amount": amount, "reason": REASON})
        assert answer.status_code == 422
        assert answer.json is not None
        assert answer.json["error"] == "REFUND_VALIDATION_ERROR"
        assert refunds(session) == []

    def test_others_may_not(self, app: Flask, paid: Payment, zoe: Creator) -> None:
        assert Browser(app).send_json("POST", self.path(paid), {}).status_code in {400, 401}
        other = Browser(app).sign_in(zoe.email)
        other.get("/dashboard/creator")
        assert other.send_json("POST", self.path(paid), {"reason": REASON}).status_code == 403

    def test_a_missing_payment_is_404(self, admin: Browser) -> None:
        admin.get(LIST)
        path = f"/api/admin/payments/{uuid7()}/refund"
        assert admin.send_json("POST", path, {"reason": REASON}).status_code == 404
