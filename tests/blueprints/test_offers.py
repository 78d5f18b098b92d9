"""A creator's offers: pages and JSON, terms and their limits, what a booking freezes, who may."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import BookingStatus, CallOffer, Creator, Log, OfferStatus, uuid7
from tests.browser import Browser
from tests.factories import Factory
from tests.market import OFFERS, booking_of, fresh, logged, offer_of, opened, seller

API = "/api/call-offers"
SOON = (datetime.now(UTC) + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M")
TERMS = {"title": "Appel 30min", "price": "100", "date_time": SOON, "duration": "30"}
BODY = {"title": "Appel 30min", "price": "100", "currency": "EUR", "dateTime": f"{SOON}Z", "duration": 30}


@pytest.fixture
def zoe(factory: Factory) -> Creator:
    return seller(factory, name="Zoé Durand")


@pytest.fixture
def page(browser: Browser, zoe: Creator) -> Browser:
    return opened(browser.sign_in(zoe.email), OFFERS)


def offers(session: Session) -> list[CallOffer]:
    session.rollback()
    query = select(CallOffer).order_by(CallOffer.created_at).execution_options(populate_existing=True)
    return list(session.scalars(query))


def test_a_creator_puts_a_call_up_for_sale(page: Browser, session: Session, zoe: Creator) -> None:
    page.get(f"{OFFERS}/new")
    page.submit("/new", **TERMS, description="Un échange.")
    assert page.status == 200
    assert "« Appel 30min » est en ligne." in page.words
    [offer] = offers(session)
    assert (offer.creator_id, offer.price_minor, offer.currency, offer.duration_minutes, offer.status) == (
        zoe.id,
        10_000,
        "EUR",
        30,
        OfferStatus.AVAILABLE,
    )
    [row] = logged(session, "OFFER_CREATED")
    assert (row.actor, row.actor_id, row.message) == ("CREATOR", str(zoe.id), "Nouvelle offre d'appel créée")
    assert {k: row.details[k] for k in ("offerId", "price", "currency", "duration")} == {
        "offerId": str(offer.id),
        "price": 100,
        "currency": "EUR",
        "duration": 30,
    }


def test_times_are_typed_in_the_persons_zone(page: Browser, session: Session) -> None:
    """Paris is an hour ahead in winter, two in summer."""
    year = datetime.now(UTC).year + (datetime.now(UTC).month > 5)
    for typed, moment in ((f"{year}-06-15T14:30", f"{year}-06-15 12:30"),):
        page.get(f"{OFFERS}/new")
        page.submit("/new", **(TERMS | {"date_time": typed}))
        assert f"{offers(session)[-1].starts_at.astimezone(UTC):%Y-%m-%d %H:%M}" == moment
        assert "15/06/" in page.words
        assert "14:30" in page.words


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("title", " ", "Donnez un titre"),
        ("title", "x" * 161, "160 caractères"),
        ("price", "0", "supérieur à zéro"),
        ("price", "0,49", "prix minimum est de 0.50 EUR"),
        ("price", "-5", "montant comme 125,50"),
        ("price", "1e9", "montant comme 125,50"),
        ("price", "NaN", "montant comme 125,50"),
        ("price", "9999999", "dépasse le maximum"),
        ("price", "12.345", "au plus 2 décimales"),
        ("duration", "4", "de 5 à 480"),
        ("duration", "481", "de 5 à 480"),
        ("duration", "٣٠", "durée en minutes"),
        ("duration", "30.5", "durée en minutes"),
        ("date_time", "2020-01-01T10:00", "celui-ci est passé"),
        ("date_time", "2999-01-01T10:00", "dans l’année"),
        ("date_time", "9999-12-31T23:59", "dans l’année"),
        ("date_time", "0001-01-01T00:00", "n’existe pas"),
        ("date_time", "2026-13-45T10:00", "n’existe pas"),
        ("date_time", "demain", "Indiquez une date"),
        ("date_time", "2026-12-01", "Indiquez une date"),
        ("description", "x" * 2001, "2000 caractères"),
    ],
)
def test_a_term_that_cannot_be_is_said_beside_its_field(
    page: Browser, session: Session, field: str, value: str, words: str
) -> None:
    page.get(f"{OFFERS}/new")
    page.submit("/new", **(TERMS | {field: value}))
    assert page.status == 422
    assert words in page.words
    assert f'id="{field}-error"' in page.text
    assert offers(session) == []
    [row] = logged(session, "OFFER_REFUSED")
    assert (row.level, row.details["action"], row.details["reason"]) == ("ERROR", "CREATE", "validation")


def test_an_hour_that_the_clocks_skip_is_refused_and_one_they_strike_twice_is_the_first(
    page: Browser, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Europe/Paris: 28 March 2027 has no 02:30; 31 October 2027 has two."""
    monkeypatch.setattr("portal.blueprints.offers.views.utc_now", lambda: datetime(2027, 1, 1, tzinfo=UTC))
    page.get(f"{OFFERS}/new")
    page.submit("/new", **(TERMS | {"date_time": "2027-03-28T02:30"}))
    assert page.status == 422
    assert "Cette heure n’existe pas ce jour-là" in page.words
    page.submit("/new", **(TERMS | {"date_time": "2027-10-31T02:30"}))
    [offer] = offers(session)
    assert offer.starts_at == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)


def test_an_hour_struck_twice_survives_a_form_that_does_not_touch_it(
    page: Browser, session: Session, factory: Factory, zoe: Creator
) -> None:
    second = datetime(2027, 10, 31, 1, 30, tzinfo=UTC)
    offer = offer_of(factory, zoe, starts_at=second)
    page.get(f"{OFFERS}/{offer.id}/edit")
    page.submit("/edit", title="Autre titre")
    assert page.status == 200, page.words
    assert (fresh(session, offer).starts_at, fresh(session, offer).title) == (second, "Autre titre")


@pytest.mark.parametrize(
    ("currency", "typed", "minor"),
    [("EUR", "99,50", 9_950), ("CHF", "80", 8_000), ("GBP", "12.30", 1_230), ("JPY", "5000", 5_000),
     ("HUF", "9999,99", 999_999)],
)  # fmt: skip
def test_prices_follow_their_currency(
    app: Flask, factory: Factory, session: Session, currency: str, typed: str, minor: int
) -> None:
    creator = seller(factory, currency=currency, balance_minor=0)
    page = Browser(app).sign_in(creator.email)
    page.get(f"{OFFERS}/new")
    page.submit("/new", **(TERMS | {"price": typed}))
    assert page.status == 200, page.words
    assert [(o.price_minor, o.currency) for o in offers(session)] == [(minor, currency)]


def test_yen_have_no_decimals_and_another_currency_is_refused(app: Flask, factory: Factory) -> None:
    creator = seller(factory, currency="JPY", balance_minor=0)
    page = opened(Browser(app).sign_in(creator.email), OFFERS)
    assert page.send_json("POST", API, BODY | {"currency": "JPY", "price": "500.5"}).status_code == 422
    answer = page.send_json("POST", API, BODY)
    assert answer.status_code == 422
    assert "currency" in answer.json["details"]


def test_json_creates_changes_and_deletes(page: Browser, session: Session, zoe: Creator) -> None:
    created = page.send_json("POST", API, BODY)
    assert created.status_code == 201
    shown = created.json
    assert (shown["price"], shown["duration"], shown["status"], shown["creatorId"]) == (
        100, 30, "AVAILABLE", str(zoe.id),
    )  # fmt: skip
    changed = page.send_json("PUT", f"{API}/{shown['id']}", {"price": 150, "duration": 60})
    assert changed.status_code == 200
    assert (changed.json["price"], changed.json["duration"], changed.json["title"]) == (150, 60, "Appel 30min")
    [begun] = logged(session, "OFFER_UPDATE_INITIATED")
    assert begun.message == "Modification d'offre initiée pour Appel 30min"
    assert begun.details["changes"] == {"price": 150, "duration": 60}
    assert begun.details["previousStatus"] == "AVAILABLE"
    [done] = logged(session, "OFFER_UPDATED")
    assert done.message == "Offre d'appel modifiée avec succès : Appel 30min"
    assert done.details["changes"] == ["price: 100 → 150", "duration: 30 → 60"]
    assert done.details["newStatus"] == "AVAILABLE"
    assert done.details["before"] == {"price": 100, "duration": 30}
    assert done.details["after"] == {"price": 150, "duration": 60}
    deleted = page.send_json("DELETE", f"{API}/{shown['id']}")
    assert deleted.status_code == 200
    [begun, done] = logged(session, "OFFER_DELETE_INITIATED", "OFFER_DELETED")
    assert begun.message == "Suppression d'offre initiée pour Appel 30min"
    assert (begun.details["offerTitle"], begun.details["offerStatus"]) == ("Appel 30min", "AVAILABLE")
    assert done.message == "Offre d'appel supprimée avec succès : Appel 30min"
    assert done.details["deletedAt"]
    assert page.send_json("DELETE", f"{API}/{shown['id']}").status_code == 404
    assert page.get(f"{OFFERS}/{shown['id']}").status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"price": [1]}, 400),
        ({"prix": "1"}, 400),
        ({"price": True}, 400),
        ({"price": 10.999}, 422),
        ({"price": float("1e300")}, 422),
        ({"status": "BOOKED"}, 409),
        ({"status": "COMPLETED"}, 409),
        ({"status": "SOLD"}, 422),
        ({"dateTime": "2030-01-01T10:00:00+99:00"}, 422),
        ({"version": "x"}, 400),
        ({"version": 7}, 409),
    ],
)
def test_a_bad_body_changes_nothing(
    page: Browser, factory: Factory, session: Session, zoe: Creator, body: dict[str, Any], status: int
) -> None:
    offer = offer_of(factory, zoe)
    answer = page.send_json("PUT", f"{API}/{offer.id}", body | {"title": "Changé"})
    assert answer.status_code == status, answer.json
    assert answer.json["requestId"]
    assert (fresh(session, offer).title, fresh(session, offer).version) == ("Appel 30min", 1)
    assert logged(session, "OFFER_UPDATED") == []


@pytest.mark.parametrize("change", [{"price": 1}, {"duration": 45}, {"dateTime": "2026-12-24T10:00:00Z"}])
def test_what_somebody_booked_is_neither_repriced_nor_moved(
    page: Browser, factory: Factory, session: Session, zoe: Creator, change: dict[str, Any]
) -> None:
    offer = offer_of(factory, zoe)
    booking_of(factory, offer, factory.user())
    if "dateTime" in change:
        change = {"dateTime": (datetime.now(UTC) + timedelta(days=9)).strftime("%Y-%m-%dT%H:%M:%SZ")}
    answer = page.send_json("PUT", f"{API}/{offer.id}", change)
    assert (answer.status_code, answer.json["details"]["reason"]) == (409, "booked")
    deleted = page.send_json("DELETE", f"{API}/{offer.id}")
    assert (deleted.status_code, deleted.json["details"]["reason"]) == (409, "booked")
    after = fresh(session, offer)
    assert (after.price_minor, after.duration_minutes, after.deleted_at) == (10_000, 30, None)
    assert (
        page.send_json("PUT", f"{API}/{offer.id}", {"description": "Venez avec vos questions."}).status_code == 200
    )


def test_the_form_of_a_booked_offer_offers_only_its_words(
    page: Browser, factory: Factory, session: Session, zoe: Creator
) -> None:
    offer = offer_of(factory, zoe)
    booking_of(factory, offer, factory.user())
    page.get(f"{OFFERS}/{offer.id}/edit")
    assert 'name="price"' not in page.text
    page.submit("/edit", title="Nouveau titre")
    assert page.status == 200, page.words
    assert fresh(session, offer).title == "Nouveau titre"


def test_two_tabs_do_not_overwrite_each_other(
    page: Browser, factory: Factory, session: Session, zoe: Creator
) -> None:
    offer = offer_of(factory, zoe)
    page.get(f"{OFFERS}/{offer.id}/edit")
    page.send_json("PUT", f"{API}/{offer.id}", {"price": 120})
    page.submit("/edit", price="90")
    assert page.status == 409
    assert "a changé depuis l’ouverture" in page.words
    assert fresh(session, offer).price_minor == 12_000


def test_a_deleted_offer_is_hidden_and_kept(
    page: Browser, factory: Factory, session: Session, zoe: Creator
) -> None:
    offer = offer_of(factory, zoe, status=OfferStatus.CANCELLED)
    booking_of(factory, offer, factory.user(), status=BookingStatus.CANCELLED)
    page.get(f"{OFFERS}/{offer.id}/delete")
    page.submit("/delete")
    assert "Offre supprimée." in page.words
    assert str(offer.id) not in page.text
    assert fresh(session, offer).deleted_at is not None


@pytest.mark.parametrize(
    ("status", "starts", "code"),
    [(BookingStatus.PENDING, -1, 409), (BookingStatus.CONFIRMED, +1, 409), (BookingStatus.CONFIRMED, -1, 200)],
)
def test_a_call_is_completed_once_paid_and_begun(
    page: Browser, factory: Factory, session: Session, zoe: Creator, status: BookingStatus, starts: int, code: int
) -> None:
    offer = offer_of(factory, zoe, starts_at=datetime.now(UTC) + timedelta(hours=starts))
    booking = booking_of(factory, offer, factory.user(), status=status)
    page.get(f"{OFFERS}/{offer.id}/complete")
    if code == 200:
        page.submit("/complete")
    else:
        why = "ne l’a pas encore payé" if status is BookingStatus.PENDING else "une fois l’heure de l’appel passée"
        assert why in page.words
        page.page = page.client.post(f"{OFFERS}/{offer.id}/complete", headers={"X-CSRFToken": page.csrf_token()})
    assert page.status == code
    assert fresh(session, booking).status == ("COMPLETED" if code == 200 else status)


def test_an_available_offer_is_taken_off_sale(
    page: Browser, factory: Factory, session: Session, zoe: Creator
) -> None:
    offer = offer_of(factory, zoe)
    page.get(f"{OFFERS}/{offer.id}/cancel")
    page.submit("/cancel")
    assert fresh(session, offer).status is OfferStatus.CANCELLED
    assert logged(session, "OFFER_UPDATED")[0].details["changes"] == ["status: AVAILABLE → CANCELLED"]
    assert page.send_json("PUT", f"{API}/{offer.id}", {"status": "AVAILABLE"}).status_code == 409
    assert page.send_json("PUT", f"{API}/{offer.id}", {"price": 5}).status_code == 409


ROUTES = [
    ("GET", OFFERS), ("GET", f"{OFFERS}/new"), ("POST", f"{OFFERS}/new"), ("GET", f"{OFFERS}/%s"),
    ("GET", f"{OFFERS}/%s/edit"), ("POST", f"{OFFERS}/%s/edit"), ("GET", f"{OFFERS}/%s/cancel"),
    ("POST", f"{OFFERS}/%s/cancel"), ("GET", f"{OFFERS}/%s/complete"), ("POST", f"{OFFERS}/%s/complete"),
    ("GET", f"{OFFERS}/%s/delete"), ("POST", f"{OFFERS}/%s/delete"), ("POST", API), ("PUT", f"{API}/%s"),
    ("DELETE", f"{API}/%s"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_only_its_own_creator_reaches_an_offer(
    app: Flask, factory: Factory, session: Session, zoe: Creator, method: str, path: str
) -> None:
    offer = offer_of(factory, zoe)
    own = path % offer.id if "%s" in path else path
    guest = opened(Browser(app), "/login").client.open(own, method=method)
    assert guest.status_code in {302, 400, 401}
    for person in (factory.user(), factory.admin()):
        page = opened(Browser(app).sign_in(person.email), "/dashboard")
        assert page.client.open(own, method=method, headers={"X-CSRFToken": page.csrf_token()}).status_code == 403
    if "%s" in path:
        other = opened(Browser(app).sign_in(factory.creator().email), OFFERS)
        for id_ in (offer.id, uuid7()):
            headers = {"X-CSRFToken": other.csrf_token()}
            json = {} if path.startswith(API) else None
            assert other.client.open(path % id_, method=method, headers=headers, json=json).status_code == 404
    session.rollback()
    assert session.scalar(select(Log.id).where(Log.type.in_(["OFFER_UPDATED", "OFFER_DELETED"]))) is None


def test_the_list_narrows_by_status_and_says_who_booked(page: Browser, factory: Factory, zoe: Creator) -> None:
    booked = offer_of(factory, zoe, title="Réservé")
    booking_of(factory, booked, factory.user(name="Paul Petit"), status=BookingStatus.CONFIRMED)
    offer_of(factory, zoe, title="Libre")
    page.get(f"{OFFERS}?status=BOOKED")
    assert "Paul Petit" in page.words
    assert "Libre" not in page.words
    page.get(f"{OFFERS}?status=CANCELLED")
    assert "Aucun appel ici" in page.words
    assert page.get(f"{OFFERS}?status=NONE").status_code == 400
