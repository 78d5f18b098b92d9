"""The specification's new events (bookings, payments, call offers, API errors), each brought about over HTTP."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from portal.models import BookingStatus, CallOffer, Creator, Log, LogActor, LogLevel, User, uuid7
from portal.stripe_sandbox.sandbox import Sandbox
from tests.browser import Browser
from tests.factories import Factory
from tests.market import OFFERS, booking_of, logged, money_rows, offer_of, opened, seller

INTENT = "/api/payments/create-intent"
ADDED = {"userId", "creatorId", "offerId", "title", "paymentIntentId", "ipAddress", "callOfferId", "paymentId"}
"""Ids that rows may carry beside what the specification names."""


@dataclass
class Stage:
    """Everybody and everything that a situation needs."""

    app: Flask
    factory: Factory
    session: Session
    sandbox: Sandbox
    hear: Callable[[], None]
    creator: Creator
    buyer: User
    ids: dict[str, Any] = field(default_factory=dict)

    def sign_in(self, email: str, path: str = "/dashboard") -> Browser:
        return opened(Browser(self.app).sign_in(email), path)

    def offer(self, **columns: Any) -> Any:
        offer = offer_of(self.factory, self.creator, **columns)
        self.ids["offer"] = str(offer.id)
        return offer

    def booking(self, **columns: Any) -> Any:
        booking = booking_of(self.factory, self.offer(), self.buyer, **columns)
        self.ids["booking"] = str(booking.id)
        return booking

    def pay(self, booking_id: Any, email: str | None = None) -> Any:
        page = self.sign_in(email or self.buyer.email)
        return page.send_json("POST", INTENT, {"bookingId": str(booking_id)})


@pytest.fixture
def stage(app: Flask, factory: Factory, session: Session, sandbox: Sandbox, deliver: Any, process: Any) -> Stage:
    def hear() -> None:
        deliver()
        process()

    buyer = factory.user(name="Paul Petit")
    return Stage(app, factory, session, sandbox, hear, seller(factory, name="Zoé Durand"), buyer)


def booking_created(stage: Stage) -> None:
    page = stage.sign_in(stage.buyer.email)
    answer = page.send_json("POST", "/api/bookings", {"callOfferId": str(stage.offer().id)})
    assert answer.status_code == 201


def booking_confirmed(stage: Stage) -> None:
    booking_created(stage)
    booking_id = logged(stage.session, "BOOKING_CREATED")[0].details["bookingId"]
    secret = stage.pay(booking_id).json["clientSecret"]
    stage.sandbox.pay(secret, "pm_card_visa")
    stage.hear()


def booking_cancelled(stage: Stage) -> None:
    stage.booking(status=BookingStatus.CONFIRMED)
    page = stage.sign_in(stage.creator.email)
    answer = page.send_json("PUT", f"/api/call-offers/{stage.ids['offer']}", {"status": "CANCELLED"})
    assert answer.status_code == 200


def booking_completed(stage: Stage) -> None:
    began = datetime.now(UTC) - timedelta(hours=1)
    booking = stage.booking(status=BookingStatus.CONFIRMED)
    stage.session.get_one(CallOffer, booking.call_offer_id).starts_at = began
    stage.session.commit()
    page = stage.sign_in(stage.creator.email)
    answer = page.send_json("PUT", f"/api/call-offers/{stage.ids['offer']}", {"status": "COMPLETED"})
    assert answer.status_code == 200


def api_error(stage: Stage) -> None:
    def broken(*args: Any, **rest: Any) -> None:
        raise RuntimeError("boom")

    page, offer = stage.sign_in(stage.buyer.email), stage.offer()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("portal.blueprints.api.bookings.book", broken)
        answer = page.send_json("POST", "/api/bookings", {"callOfferId": str(offer.id)})
    assert (answer.status_code, answer.json["error"]) == (500, "INTERNAL_ERROR")
    stage.ids["request"] = answer.json["requestId"]


def intent_opened(stage: Stage) -> None:
    assert stage.pay(stage.booking().id).status_code == 200


def intent_unauthorized(stage: Stage) -> None:
    answer = stage.app.test_client().post(INTENT, json={"bookingId": str(uuid7())})
    assert answer.status_code == 401
    assert answer.json is not None
    assert answer.json["error"] == "UNAUTHORIZED"


def intent_not_found(stage: Stage) -> None:
    stage.ids["booking"] = str(uuid7())
    answer = stage.pay(stage.ids["booking"])
    assert (answer.status_code, answer.json["error"]) == (404, "PAYMENT_INTENT_BOOKING_NOT_FOUND")


def intent_denied(stage: Stage) -> None:
    stranger = stage.factory.user()
    stage.ids["stranger"] = stranger.id
    answer = stage.pay(stage.booking().id, stranger.email)
    assert (answer.status_code, answer.json["error"]) == (404, "PAYMENT_INTENT_BOOKING_NOT_FOUND")


def intent_paid(stage: Stage) -> None:
    answer = stage.pay(stage.booking(status=BookingStatus.CONFIRMED).id)
    assert (answer.status_code, answer.json["error"]) == (409, "PAYMENT_INTENT_ALREADY_PAID")


def intent_refused(stage: Stage) -> None:
    stage.creator.stripe_account_id = "acct_gone"
    stage.session.commit()
    answer = stage.pay(stage.booking().id)
    assert (answer.status_code, answer.json["error"]) == (409, "PAYMENT_INTENT_STRIPE_ERROR")


def card_declined(stage: Stage) -> None:
    secret = stage.pay(stage.booking().id).json["clientSecret"]
    stage.sandbox.pay(secret, "pm_card_chargeDeclinedInsufficientFunds")
    stage.hear()


def offer_created(stage: Stage) -> None:
    soon = (datetime.now(UTC) + timedelta(days=2)).isoformat(timespec="minutes")[:16] + "Z"
    body = {"title": "Appel 30min", "price": 150, "dateTime": soon, "duration": 30}
    answer = stage.sign_in(stage.creator.email).send_json("POST", "/api/call-offers", body)
    assert answer.status_code == 201
    stage.ids["offer"] = answer.json["id"]


def offer_updated(stage: Stage) -> None:
    path = f"/api/call-offers/{stage.offer().id}"
    answer = stage.sign_in(stage.creator.email).send_json("PUT", path, {"price": 150, "duration": 60})
    assert answer.status_code == 200


def offer_deleted(stage: Stage) -> None:
    path = f"/api/call-offers/{stage.offer().id}"
    assert stage.sign_in(stage.creator.email).send_json("DELETE", path).status_code == 200


INFO, ERROR, CREATOR, USER = LogLevel.INFO, LogLevel.ERROR, LogActor.CREATOR, LogActor.USER
SYSTEM, GUEST = LogActor.SYSTEM, LogActor.GUEST
BOOKING = "bookingId userId creatorId "
CANCELLED = BOOKING + "callOfferId previousStatus newStatus cancelledBy cancelledByUserId cancelledAt reason"
CONFIRMED = BOOKING + (
    "previousStatus newStatus dailyRoomUrl dailyRoomName confirmedVia paymentIntentId amount currency"
)
COMPLETED = BOOKING + "callOfferId previousStatus newStatus completedAt completedBy"
INITIATED = (
    "paymentId bookingId creatorId paymentIntentId amount currency platformFee creatorAmount processingTimeMs"
    " useStripeConnect"
)
DELETING = "Suppression d'offre initiée pour Appel 30min"
DELETED = "Offre d'appel supprimée avec succès : Appel 30min"
UPDATING = "Modification d'offre initiée pour Appel 30min"
UPDATED = "Offre d'appel modifiée avec succès : Appel 30min"
SITUATIONS: list[tuple[Callable[[Stage], None], str, LogLevel, LogActor, str, str, dict[str, Any]]] = [
    (booking_created, "BOOKING_CREATED", INFO, USER, "Réservation créée",
     BOOKING + "callOfferId price currency dateTime expiresAt", {"price": "100", "currency": "EUR"}),
    (booking_confirmed, "BOOKING_CONFIRMED", INFO, SYSTEM, "Réservation confirmée", CONFIRMED,
     {"previousStatus": "PENDING", "newStatus": "CONFIRMED", "amount": 100, "currency": "EUR",
      "confirmedVia": "payment_intent_succeeded_webhook"}),
    (booking_cancelled, "BOOKING_CANCELLED", INFO, CREATOR, "Réservation annulée",
     CANCELLED + " previousBookingStatus",
     {"previousStatus": "BOOKED", "newStatus": "CANCELLED", "cancelledBy": "creator",
      "reason": "Cancelled by creator via call offer update"}),
    (booking_completed, "BOOKING_COMPLETED", INFO, CREATOR, "Réservation terminée",
     COMPLETED + " previousBookingStatus",
     {"previousStatus": "BOOKED", "newStatus": "COMPLETED", "completedBy": "creator"}),
    (api_error, "API_ERROR", ERROR, USER, "Erreur API /api/bookings",
     "endpoint action errorType errorMessage errorStack method",
     {"endpoint": "/api/bookings", "action": "CREATE_BOOKING", "errorMessage": "boom",
      "errorType": "RuntimeError"}),
    (intent_opened, "PAYMENT_INTENT_CREATION_INITIATED", INFO, USER,
     "Création de payment intent initiée", "bookingId", {}),
    (intent_opened, "PAYMENT_INITIATED", INFO, USER, "Paiement initié", INITIATED,
     {"amount": 100, "currency": "EUR", "platformFee": 15, "creatorAmount": 85, "useStripeConnect": True}),
    (intent_unauthorized, "PAYMENT_INTENT_UNAUTHORIZED", ERROR, GUEST,
     "Tentative de création de payment intent sans authentification", "endpoint", {"endpoint": INTENT}),
    (intent_not_found, "PAYMENT_INTENT_BOOKING_NOT_FOUND", ERROR, USER,
     "Tentative de paiement pour une réservation introuvable", "bookingId", {}),
    (intent_denied, "PAYMENT_INTENT_ACCESS_DENIED", ERROR, USER,
     "Tentative de paiement pour une réservation non possédée", "bookingId bookingOwnerId", {}),
    (intent_paid, "PAYMENT_INTENT_ALREADY_PAID", ERROR, USER,
     "Tentative de paiement pour une réservation déjà payée", "bookingId bookingStatus",
     {"bookingStatus": "CONFIRMED"}),
    (intent_refused, "PAYMENT_INTENT_STRIPE_ERROR", ERROR, SYSTEM,
     "Erreur Stripe lors de la création du payment intent",
     "bookingId errorType errorCode errorMessage stripeRequestId", {"errorCode": "resource_missing"}),
    (booking_confirmed, "PAYMENT_SUCCEEDED", INFO, USER, "Paiement réussi",
     "paymentId bookingId creatorId amount currency source", {"amount": 100, "currency": "EUR"}),
    (card_declined, "PAYMENT_FAILED", ERROR, USER, "Paiement échoué",
     "paymentId bookingId amount currency errorMessage declineCode chargeId",
     {"declineCode": "insufficient_funds", "errorMessage": "Your card has insufficient funds."}),
    (offer_created, "OFFER_CREATED", INFO, CREATOR, "Nouvelle offre d'appel créée",
     "offerId price currency duration dateTime", {"price": 150, "duration": 30}),
    (offer_updated, "OFFER_UPDATE_INITIATED", INFO, CREATOR, UPDATING, "offerId changes previousStatus",
     {"changes": {"price": 150, "duration": 60}, "previousStatus": "AVAILABLE"}),
    (offer_updated, "OFFER_UPDATED", INFO, CREATOR, UPDATED,
     "offerId changes previousStatus newStatus before after",
     {"changes": ["price: 100 → 150", "duration: 30 → 60"], "newStatus": "AVAILABLE"}),
    (offer_deleted, "OFFER_DELETE_INITIATED", INFO, CREATOR, DELETING, "offerId offerTitle offerStatus",
     {"offerTitle": "Appel 30min", "offerStatus": "AVAILABLE"}),
    (offer_deleted, "OFFER_DELETED", INFO, CREATOR, DELETED, "offerId offerTitle deletedAt",
     {"offerTitle": "Appel 30min"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("act", "type", "level", "actor", "message", "keys", "values"), SITUATIONS, ids=[s[1] for s in SITUATIONS]
)
def test_each_situation_writes_the_specifications_row(
    stage: Stage,
    act: Callable[[Stage], None],
    type: str,
    level: LogLevel,
    actor: LogActor,
    message: str,
    keys: str,
    values: dict[str, Any],
) -> None:
    act(stage)
    [row] = logged(stage.session, type)
    assert (row.level, row.actor, row.message) == (level, actor, message)
    assert row.actor_id == actor_id(stage, type)
    wanted = set(keys.split())
    assert wanted <= row.details.keys()
    assert row.details.keys() - wanted <= ADDED
    assert {key: row.details[key] for key in values} == values
    for name, id_ in stage.ids.items():
        keys_of = {"offer": ("offerId", "callOfferId"), "booking": ("bookingId",), "request": (), "stranger": ()}[
            name
        ]
        assert all(row.details[key] == id_ for key in keys_of if key in row.details)


def actor_id(stage: Stage, type: str) -> str | None:
    """Whose id the row names: creators by their creator's id; a stranger in the one case that is about one."""
    by_actor = {LogActor.CREATOR: str(stage.creator.id), LogActor.USER: str(stage.buyer.id)}
    [row] = logged(stage.session, type)
    return str(stage.ids["stranger"]) if "stranger" in stage.ids else by_actor.get(row.actor)


def test_an_api_error_keeps_its_stack_and_the_person_its_request_id(stage: Stage) -> None:
    api_error(stage)
    [row] = logged(stage.session, "API_ERROR")
    assert 'raise RuntimeError("boom")' in row.details["errorStack"]
    assert str(row.request_id) == stage.ids["request"]
    assert row.actor_id == str(stage.buyer.id)


def test_money_is_in_both_books(stage: Stage) -> None:
    booking_confirmed(stage)
    rows = [row for row in money_rows(stage.session) if row.event_type.startswith("PAYMENT_")]
    assert [(r.event_type, r.status, r.amount_minor, r.currency, r.actor) for r in rows] == [
        ("PAYMENT_CREATED", "PENDING", 10_000, "EUR", "USER"),
        ("PAYMENT_SUCCEEDED", "SUCCEEDED", 10_000, "EUR", "USER"),
    ]
    created, paid = rows
    assert {"stripePaymentIntentId", "bookingId", "userId", "creatorId", "platformFee", "creatorAmount"} <= (
        created.details.keys()
    )
    assert (created.details["platformFee"], created.details["creatorAmount"]) == (15, 85)
    assert paid.stripe_event_id is not None
    assert {"bookingId", "creatorId", "stripePaymentIntentId"} <= paid.details.keys()


def test_a_declined_card_is_in_both_books(stage: Stage) -> None:
    card_declined(stage)
    failed = [row for row in money_rows(stage.session) if row.event_type == "PAYMENT_FAILED"]
    assert [(r.status, r.error_message, r.details["declineCode"]) for r in failed] == [
        ("FAILED", "Your card has insufficient funds.", "insufficient_funds")
    ]


def test_no_row_and_no_page_holds_the_client_secret(stage: Stage) -> None:
    answer = stage.pay(stage.booking().id)
    secret = answer.json["clientSecret"]
    assert "_secret_" in secret
    stage.sandbox.pay(secret, "pm_card_visa")
    stage.hear()
    rows = logged(stage.session, *{row.type for row in stage.session.query(Log).all()})
    assert rows
    assert not any(secret in str((row.message, row.details)) or "_secret_" in str(row.details) for row in rows)
    assert not any("_secret_" in str((row.error_message, row.details)) for row in money_rows(stage.session))
    page = stage.sign_in(stage.buyer.email)
    for path in ("", f"/{stage.ids['booking']}", f"/{stage.ids['booking']}/return"):
        page.get(f"/dashboard/user/bookings{path}")
        assert "_secret_" not in page.text


def test_a_bug_on_a_page_is_kept_and_its_reference_shown(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **rest: Any) -> None:
        raise RuntimeError("boom")

    page = stage.sign_in(stage.creator.email)
    monkeypatch.setattr("portal.blueprints.offers.views.count_offers", broken)
    page.get(OFFERS)
    assert page.status == 500
    [row] = logged(stage.session, "API_ERROR")
    assert str(row.request_id) in page.words
    assert (row.actor, row.actor_id, row.details["endpoint"], row.details["action"]) == (
        "CREATOR", str(stage.creator.id), OFFERS, "INDEX",
    )  # fmt: skip
    assert "boom" in row.details["errorStack"]


def test_an_error_of_the_database_itself_still_gives_a_page(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy import text

    from portal.unit_of_work import reading

    page = stage.sign_in(stage.factory.admin().email)
    monkeypatch.setattr(
        "portal.blueprints.dashboard.views.overview.errors_of_a_day",
        lambda *a, **k: reading().execute(text("select no_such_column from log")),
    )
    page.get("/dashboard/admin")
    assert page.status == 500
    [row] = logged(stage.session, "API_ERROR")
    assert (row.actor, str(row.request_id) in page.words) == ("ADMIN", True)


@pytest.mark.parametrize(("path", "json"), [("/creators", False), ("/api/bookings", True)])
def test_without_a_database_a_reference_is_still_told(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, path: str, json: bool
) -> None:
    """Nothing can be read nor written: no session, no frame, no row."""
    page = stage.sign_in(stage.buyer.email)

    def away(*args: Any, **rest: Any) -> None:
        raise ConnectionError("the database is away")

    for name in ("signed_in.reading", "frame.reading", "market.views.reading", "signed_in.find_session"):
        monkeypatch.setattr(f"portal.blueprints.{name}", away)
    monkeypatch.setattr("portal.blueprints.errors.log_api_error", away)
    answer = page.send_json("POST", path, {}) if json else page.get(path)
    assert answer.status_code == 500
    reference = answer.headers["X-Request-Id"]
    assert reference in answer.text
    assert ("<h1>" in answer.text) is not json
