"""Booking and paying through the pages: guests, users, test cards, what happens next."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.jobs import send_refunds
from portal.models import (
    Booking,
    BookingStatus,
    CallOffer,
    Creator,
    OfferStatus,
    Payment,
    PaymentStatus,
    User,
    uuid7,
)
from portal.queries.trace import find_trace
from portal.queries.trace_rows import TraceKind
from tests.browser import Browser
from tests.factories import Factory
from tests.market import booking_of, fresh, logged, money_rows, offer_of, opened, seller

MINE = "/dashboard/user/bookings"
CARD = "pm_card_visa"


@pytest.fixture
def zoe(factory: Factory) -> Creator:
    return seller(factory, name="Zoé Durand")


@pytest.fixture
def offer(factory: Factory, zoe: Creator) -> CallOffer:
    return offer_of(factory, zoe)


@pytest.fixture
def paul(factory: Factory) -> User:
    return factory.user(name="Paul Petit")


@pytest.fixture
def page(browser: Browser, paul: User) -> Browser:
    return opened(browser.sign_in(paul.email), "/dashboard/user")


def bookings(session: Session) -> list[Booking]:
    session.rollback()
    return list(session.scalars(select(Booking).order_by(Booking.id).execution_options(populate_existing=True)))


def payments(session: Session) -> list[Payment]:
    session.rollback()
    return list(session.scalars(select(Payment).order_by(Payment.n).execution_options(populate_existing=True)))


def book(page: Browser, offer: CallOffer) -> None:
    page.get(f"/offers/{offer.id}")
    page.submit("/book")


def test_somebody_finds_books_pays_and_is_confirmed(
    page: Browser, offer: CallOffer, session: Session, deliver: Any, process: Any, paul: User
) -> None:
    page.get("/dashboard/user")
    page.get("/creators")
    assert "Zoé Durand" in page.words
    page.get("/creators/" + page.text.split('href="/creators/')[1].split('"')[0])
    assert "Appel 30min" in page.words
    book(page, offer)
    assert page.status == 200
    assert "Payer 100,00 €" in page.words
    [booking] = bookings(session)
    assert (booking.status, booking.user_id, fresh(session, offer).status) == ("PENDING", paul.id, "BOOKED")
    page.submit("/pay", card=CARD)
    assert page.page is not None
    assert page.page.request.path.endswith("/return")
    assert 'http-equiv="refresh"' in page.text
    [payment] = payments(session)
    assert payment.status is PaymentStatus.PENDING
    assert asked_by_itself(page, booking.id) == (204, None)
    deliver()
    process()
    assert asked_by_itself(page, booking.id) == (204, "true")
    page.get(f"{MINE}/{booking.id}/return")
    assert page.page.request.path == f"{MINE}/{booking.id}"
    assert "C’est confirmé" in page.words
    assert f"https://callastar.daily.co/call-{booking.id}" in page.words
    assert (fresh(session, booking).status, fresh(session, payment).status) == ("CONFIRMED", "SUCCEEDED")
    page.get("/dashboard/user")
    assert "Confirmée" in page.words


def asked_by_itself(page: Browser, booking_id: object) -> tuple[int, str | None]:
    """What the page after a payment is told when it asks again: whether to load itself anew."""
    answer = page.client.get(f"{MINE}/{booking_id}/return", headers={"X-Fragment": "true"})
    return answer.status_code, answer.headers.get("X-Reload")


def test_the_creators_share_arrives_and_the_platform_keeps_its_fee(
    page: Browser, offer: CallOffer, session: Session, sandbox: Any, zoe: Creator
) -> None:
    before = sandbox.balance(zoe.stripe_account_id)["eur"]
    book(page, offer)
    page.submit("/pay", card="pm_card_bypassPending")
    assert sandbox.balance(zoe.stripe_account_id)["eur"][0] - before[0] == 8_500
    [payment] = payments(session)
    assert (payment.platform_fee_minor, payment.creator_amount_minor) == (1_500, 8_500)


def test_a_declined_card_can_be_followed_by_a_good_one(
    page: Browser, offer: CallOffer, session: Session, deliver: Any, process: Any
) -> None:
    book(page, offer)
    page.submit("/pay", card="pm_card_chargeDeclinedInsufficientFunds")
    assert page.status == 422
    assert "La provision de la carte ne suffit pas." in page.words
    deliver()
    process()
    [payment] = payments(session)
    assert (payment.status, payment.decline_code) == ("FAILED", "insufficient_funds")
    [row] = logged(session, "PAYMENT_FAILED")
    assert (row.details["declineCode"], row.details["errorMessage"], row.details["amount"]) == (
        "insufficient_funds",
        "Your card has insufficient funds.",
        100,
    )
    page.get(f"{MINE}/{bookings(session)[0].id}/return")
    assert "Le paiement n’est pas passé" in page.words
    page.get(f"{MINE}/{bookings(session)[0].id}/pay")
    assert "La provision de la carte ne suffit pas." in page.words
    page.submit("/pay", card=CARD)
    assert "Confirmation en cours" in page.words
    assert 'http-equiv="refresh"' in page.text
    deliver()
    process()
    [payment] = payments(session)
    assert (payment.status, payment.decline_code) == ("SUCCEEDED", None)
    assert [row.event_type for row in money_rows(session) if row.event_type.startswith("PAYMENT_")] == [
        "PAYMENT_CREATED", "PAYMENT_FAILED", "PAYMENT_SUCCEEDED",
    ]  # fmt: skip


def test_a_decline_heard_of_after_the_payment_changes_nothing_but_is_kept(
    page: Browser, offer: CallOffer, session: Session, deliver: Any, process: Any
) -> None:
    book(page, offer)
    page.submit("/pay", card="pm_card_chargeDeclined")
    page.submit("/pay", card=CARD)
    deliver(order="reversed")
    process()
    [payment] = payments(session)
    assert payment.status is PaymentStatus.SUCCEEDED
    assert payment.decline_code is None
    assert [row.details["declineCode"] for row in logged(session, "PAYMENT_FAILED")] == ["generic_decline"]
    assert len(logged(session, "BOOKING_CONFIRMED")) == 1


def test_clicking_pay_again_takes_the_money_once(
    page: Browser, offer: CallOffer, session: Session, sandbox: Any, deliver: Any, process: Any
) -> None:
    book(page, offer)
    form = page.form("/pay")
    for _ in range(3):
        page.client.post(form.action, data=form.fields | {"card": CARD})
    deliver()
    process()
    assert len(payments(session)) == 1
    assert len([e for e in sandbox.events() if e["type"] == "charge.succeeded"]) == 1
    assert page.get(f"{MINE}/{bookings(session)[0].id}/pay").request.path == f"{MINE}/{bookings(session)[0].id}"


def test_booking_twice_leads_to_the_same_booking(page: Browser, offer: CallOffer, session: Session) -> None:
    page.get(f"/offers/{offer.id}")
    form = page.form("/book")
    for _ in range(2):
        assert page.client.post(form.action, data=form.fields).status_code == 302
    assert len(bookings(session)) == 1
    assert len(logged(session, "BOOKING_CREATED")) == 1


def test_the_second_person_is_told_that_the_call_is_taken(
    app: Flask, page: Browser, offer: CallOffer, factory: Factory, session: Session
) -> None:
    other = opened(Browser(app).sign_in(factory.user().email), f"/offers/{offer.id}")
    book(page, offer)
    other.submit("/book")
    assert other.status == 409
    assert "Quelqu’un vient de réserver cet appel." in other.words
    [row] = logged(session, "BOOKING_REFUSED")
    assert (row.level, row.actor, row.details["reason"]) == ("WARNING", "USER", "taken")


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"starts_at": datetime(2020, 1, 1, tzinfo=UTC)}, "past"),
        ({"status": OfferStatus.CANCELLED}, "gone"),
        ({"status": OfferStatus.COMPLETED}, "gone"),
    ],
)
def test_what_is_not_for_sale_is_not_booked(
    page: Browser, factory: Factory, zoe: Creator, session: Session, columns: dict[str, Any], reason: str
) -> None:
    gone = offer_of(factory, zoe, **columns)
    page.get(f"/offers/{gone.id}")
    assert "n’est plus à réserver" in page.words
    answer = page.send_json("POST", "/api/bookings", {"callOfferId": str(gone.id)})
    assert (answer.status_code, answer.json["details"]["reason"]) == (409, reason)
    page.get("/creators")
    assert "Aucun appel proposé" in page.words


def test_a_creator_whom_stripe_does_not_let_charge_is_not_booked(page: Browser, factory: Factory) -> None:
    gone = offer_of(factory, factory.creator(charges_enabled=False))
    answer = page.send_json("POST", "/api/bookings", {"callOfferId": str(gone.id)})
    assert (answer.status_code, answer.json["details"]["reason"]) == (409, "unpayable")


@pytest.mark.parametrize("change", ["disabled_at = now()", "role = 'ADMIN'"])
def test_who_opens_no_account_as_a_creator_sells_nothing(
    page: Browser, offer: CallOffer, zoe: Creator, session: Session, change: str
) -> None:
    session.execute(text(f'update "user" set {change} where id = :id'), {"id": zoe.user_id})
    session.commit()
    assert "Aucun appel proposé" in opened(page, "/creators").words
    assert page.get(f"/creators/{zoe.handle}").status_code == 404
    assert "n’est plus à réserver" in opened(page, f"/offers/{offer.id}").words
    answer = page.send_json("POST", "/api/bookings", {"callOfferId": str(offer.id)})
    assert (answer.status_code, answer.json["details"]["reason"]) == (409, "unpayable")


@pytest.mark.parametrize("currency", ["EUR", "CHF", "GBP", "JPY", "HUF"])
def test_every_currency_is_booked_paid_and_confirmed(
    page: Browser, factory: Factory, session: Session, deliver: Any, process: Any, sandbox: Any, currency: str
) -> None:
    creator = seller(factory, currency=currency, balance_minor=0)
    offer = offer_of(factory, creator, price_minor=1_234_501 if currency == "HUF" else 12_345)
    book(page, offer)
    page.submit("/pay", card="pm_card_bypassPending")
    deliver()
    process()
    [payment] = payments(session)
    assert payment.status is PaymentStatus.SUCCEEDED
    assert payment.platform_fee_minor + payment.creator_amount_minor == payment.amount_minor == offer.price_minor
    balance = sandbox.balance(creator.stripe_account_id)[currency.lower()][0]
    assert balance == payment.creator_amount_minor
    [row] = logged(session, "BOOKING_CONFIRMED")
    assert row.details["currency"] == currency
    assert row.details["amount"] == (12345.01 if currency == "HUF" else 12345 if currency == "JPY" else 123.45)


def test_a_booking_is_its_makers_alone(
    app: Flask, factory: Factory, offer: CallOffer, paul: User, zoe: Creator
) -> None:
    booking = booking_of(factory, offer, paul)
    other = opened(Browser(app).sign_in(factory.user().email), MINE)
    for id_ in (booking.id, uuid7()):
        for path in ("", "/pay", "/return"):
            assert other.get(f"{MINE}/{id_}{path}").status_code == 404
        token = {"X-CSRFToken": other.csrf_token()} if "csrf-token" in other.text else {}
        assert other.client.post(f"{MINE}/{id_}/pay", data={"card": CARD}, headers=token).status_code in {400, 404}
    for email in (zoe.email, factory.admin().email):
        somebody = opened(Browser(app).sign_in(email), "/dashboard")
        for path in ("", f"/{booking.id}", f"/{booking.id}/pay", f"/{booking.id}/return"):
            assert somebody.get(MINE + path).status_code == 403
    guest = Browser(app)
    for path in ("", f"/{booking.id}", f"/{booking.id}/pay"):
        assert guest.get(MINE + path, follow=False).headers["Location"].startswith("/login?next=")


def test_guests_may_look_and_are_led_to_sign_in(
    app: Flask, offer: CallOffer, zoe: Creator, session: Session
) -> None:
    guest = Browser(app)
    for path in ("/creators", f"/creators/{zoe.handle}", f"/offers/{offer.id}"):
        assert guest.get(path).status_code == 200
    assert f"/login?next=/offers/{offer.id}" in guest.text
    assert 'action="/offers/' not in guest.text
    guest.get("/login")
    token = guest.form("/login").fields.get("csrf_token", "")
    answer = guest.client.post(f"/offers/{offer.id}/book", data={"csrf_token": token})
    assert answer.status_code == 302
    assert bookings(session) == []


@pytest.mark.parametrize("role", ["creator", "admin"])
def test_only_users_book(app: Flask, factory: Factory, offer: CallOffer, session: Session, role: str) -> None:
    email = factory.admin().email if role == "admin" else factory.creator().email
    page = opened(Browser(app).sign_in(email), f"/offers/{offer.id}")
    assert "compte utilisateur" in page.words
    assert page.send_json("POST", "/api/bookings", {"callOfferId": str(offer.id)}).status_code == 403
    assert bookings(session) == []


def test_a_deleted_or_missing_offer_is_not_found(page: Browser, factory: Factory, zoe: Creator) -> None:
    gone = offer_of(factory, zoe, deleted_at=datetime.now(UTC))
    for id_ in (gone.id, uuid7()):
        assert page.get(f"/offers/{id_}").status_code == 404
        page.get("/dashboard/user")
        assert page.send_json("POST", "/api/bookings", {"callOfferId": str(id_)}).status_code == 404
    assert page.get("/creators/nobody").status_code == 404


@pytest.mark.parametrize("body", [{}, {"callOfferId": "x"}, {"callOfferId": 7}, {"callOfferId": None}])
def test_a_bad_body_names_what_it_takes(page: Browser, body: dict[str, Any]) -> None:
    answer = page.send_json("POST", "/api/bookings", body)
    assert (answer.status_code, answer.json["details"]["parameter"]) == (400, "callOfferId")


def test_stripes_secret_in_the_return_address_is_dropped(
    page: Browser, factory: Factory, offer: CallOffer, paul: User
) -> None:
    booking = booking_of(factory, offer, paul)
    secret = "pi_1_secret_2"
    answer = page.get(f"{MINE}/{booking.id}/return?payment_intent_client_secret={secret}", follow=False)
    assert answer.headers["Location"] == f"{MINE}/{booking.id}/return"
    page.get(answer.headers["Location"])
    assert secret not in page.text


def test_stripes_secret_is_not_carried_to_the_sign_in_page(app: Flask, factory: Factory, offer: CallOffer) -> None:
    address = f"{MINE}/{booking_of(factory, offer, factory.user()).id}/return"
    guest = Browser(app)
    guest.get(f"{address}?payment_intent_client_secret=pi_1_secret_2")
    assert (guest.status, "secret_2" in guest.text) == (200, False)
    assert guest.form("/login").action.endswith(address) or "return" in guest.form("/login").action


def test_a_real_account_pays_with_stripes_own_form(
    page: Browser, factory: Factory, offer: CallOffer, paul: User, change_settings: Any
) -> None:
    booking = booking_of(factory, offer, paul)
    change_settings(stripe_secret_key="sk_test_real", stripe_publishable_key="pk_test_mine")
    answer = page.get(f"{MINE}/{booking.id}/pay")
    assert 'src="https://js.stripe.com/v3/"' in page.text
    assert 'data-key="pk_test_mine"' in page.text
    assert "https://js.stripe.com" in answer.headers["Content-Security-Policy"]
    assert "pm_card" not in page.text
    assert "https://js.stripe.com" not in page.get(MINE).headers["Content-Security-Policy"]
    page.get(f"{MINE}/{booking.id}/pay")
    headers = {"X-CSRFToken": page.csrf_token()}
    assert page.client.post(f"{MINE}/{booking.id}/pay", data={"card": CARD}, headers=headers).status_code == 404
    change_settings(stripe_publishable_key=None)
    page.get(f"{MINE}/{booking.id}/pay")
    assert "Les paiements ne sont pas ouverts" in page.words


def test_a_card_that_is_none_of_the_list_is_refused(
    page: Browser, factory: Factory, offer: CallOffer, paul: User, session: Session
) -> None:
    booking = booking_of(factory, offer, paul)
    page.get(f"{MINE}/{booking.id}/pay")
    page.submit("/pay", card="4242424242424242")
    assert page.status == 422
    assert payments(session) == []


def test_the_creator_cancels_and_the_payer_gets_everything_back(
    app: Flask, page: Browser, offer: CallOffer, zoe: Creator, session: Session, deliver: Any, process: Any
) -> None:
    book(page, offer)
    page.submit("/pay", card="pm_card_bypassPending")
    deliver()
    process()
    creator = opened(Browser(app).sign_in(zoe.email), f"/dashboard/creator/offers/{offer.id}/cancel")
    assert "Paul Petit" in creator.words
    creator.submit("/cancel")
    assert "Appel annulé." in creator.words
    [booking] = bookings(session)
    page.get(f"{MINE}/{booking.id}")
    assert "remboursement en cours" in page.words
    send_refunds.tick(app)
    deliver()
    process()
    page.get(f"{MINE}/{booking.id}")
    assert "100,00 € ont été rendus" in page.words
    [payment] = payments(session)
    assert payment.status is PaymentStatus.REFUNDED
    assert [row.details["reason"] for row in logged(session, "REFUND_INITIATED")] == [
        "Appel annulé par le créateur"
    ]


def test_every_step_of_a_real_life_is_shown_by_its_row(
    app: Flask, page: Browser, offer: CallOffer, session: Session, deliver: Any, process: Any, zoe: Creator
) -> None:
    book(page, offer)
    page.submit("/pay", card="pm_card_chargeDeclinedInsufficientFunds")
    page.submit("/pay", card="pm_card_bypassPending")
    deliver()
    process()
    opened(Browser(app).sign_in(zoe.email), f"/dashboard/creator/offers/{offer.id}/cancel").submit("/cancel")
    send_refunds.tick(app)
    deliver()
    process()
    [booking] = bookings(session)
    trace = find_trace(session, TraceKind.BOOKING, str(booking.id), now=datetime.now(UTC))
    assert trace is not None
    told = {item.id: item.type for item in trace.items if item.book == "log"}
    assert [(shown.type, shown.step.state) for shown in trace.steps] == [
        ("BOOKING_CREATED", "done"),
        ("PAYMENT_INITIATED", "done"),
        ("PAYMENT_SUCCEEDED", "done"),
        ("BOOKING_CONFIRMED", "done"),
        ("BOOKING_CANCELLED", "failed"),
        ("REFUND_SUCCEEDED", "done"),
    ]
    assert [told.get(shown.log_id or 0) for shown in trace.steps] == [shown.type for shown in trace.steps]
    moments = [shown.step.at for shown in trace.steps if shown.step.at]
    assert len(moments) == 6
    assert moments == sorted(moments)


def test_a_booking_that_its_creator_cancels_can_no_longer_be_paid(
    app: Flask, page: Browser, offer: CallOffer, zoe: Creator, session: Session, sandbox: Any
) -> None:
    book(page, offer)
    page.submit("/pay", card="pm_card_chargeDeclined")
    creator = opened(Browser(app).sign_in(zoe.email), f"/dashboard/creator/offers/{offer.id}/cancel")
    creator.submit("/cancel")
    assert "Appel annulé." in creator.words
    assert [p.status for p in payments(session)] == [PaymentStatus.CANCELED]
    assert [e for e in sandbox.events() if e["type"] == "payment_intent.canceled"]
    page.submit("/pay", card=CARD)
    assert page.status == 409
    assert "ne peut plus être payée" in page.words


def test_the_list_narrows_and_a_past_deadline_is_said(
    page: Browser, factory: Factory, offer: CallOffer, paul: User
) -> None:
    past = datetime.now(UTC) - timedelta(minutes=1)
    booking = booking_of(factory, offer, paul, expires_at=past)
    page.get(f"{MINE}?status=PENDING")
    assert "Le temps pour payer est passé" in page.words
    page.get(f"{MINE}/{booking.id}/pay")
    assert page.page is not None
    assert page.page.request.path == f"{MINE}/{booking.id}"
    page.get(f"{MINE}?status=CONFIRMED")
    assert "Aucune réservation ici" in page.words
    assert page.get(f"{MINE}?status=x").status_code == 400


def test_the_creator_sees_who_booked_and_what_it_brings(
    app: Flask, factory: Factory, offer: CallOffer, paul: User, zoe: Creator
) -> None:
    booking_of(factory, offer, paul, status=BookingStatus.CONFIRMED)
    creator = opened(Browser(app).sign_in(zoe.email), f"/dashboard/creator/offers/{offer.id}")
    assert "Paul Petit" in creator.words
    assert "Payé et confirmé" in creator.words


def test_no_transaction_is_open_while_stripe_is_asked(
    app: Flask, page: Browser, offer: CallOffer, zoe: Creator, monkeypatch: pytest.MonkeyPatch
) -> None:
    from portal.extensions import db
    from portal.stripe_gateway.calls import Calls

    found: list[bool] = []
    asked = Calls._asked

    def watched(self: Any, call: Any) -> Any:
        found.append(db.session().in_transaction())
        return asked(self, call)

    monkeypatch.setattr(Calls, "_asked", watched)
    book(page, offer)
    page.submit("/pay", card="pm_card_chargeDeclined")
    page.submit("/pay", card=CARD)
    booking_id = page.page.request.path.split("/")[-2] if page.page else ""
    page.get("/dashboard/user")
    page.send_json("POST", "/api/payments/create-intent", {"bookingId": booking_id})
    opened(Browser(app).sign_in(zoe.email), f"/dashboard/creator/offers/{offer.id}/cancel").submit("/cancel")
    assert len(found) >= 6
    assert not any(found)
