"""Everybody’s bookings for admins: the list with its totals, and one booking with what happens next."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from portal.models import Booking, BookingStatus, CallOffer, Creator, Payment, PaymentStatus, Role, User, uuid7
from portal.queries.all_bookings import AllBookings
from tests.browser import Browser
from tests.factories import UNKNOWN_ID, Factory
from tests.market import booking_of, offer_of
from tests.queries.books import Event, write

LIST = "/dashboard/admin/bookings"
NOW = datetime.now(UTC)


@pytest.fixture
def zoe(factory: Factory) -> Creator:
    return factory.creator(name="Zoé Lambert", account=False)


@pytest.fixture
def paul(factory: Factory) -> User:
    return factory.user(name="Paul Client")


@pytest.fixture
def offer(factory: Factory, zoe: Creator) -> CallOffer:
    return offer_of(factory, zoe, title="Conseil en musique", price_minor=12_345)


@pytest.fixture
def booking(factory: Factory, offer: CallOffer, paul: User) -> Booking:
    """Unpaid, for half an hour more."""
    return booking_of(factory, offer, paul, daily_room_url="https://rooms.example.test/call-1")


@pytest.fixture
def admin(factory: Factory, browser: Browser) -> Browser:
    factory.admin(email="alice@example.test", name="Alice")
    return browser.sign_in("alice@example.test")


def payment_of(session: Session, booking: Booking, **columns: Any) -> Payment:
    """A payment without the rows of its life: 100.00 EUR that succeeded, unless told otherwise."""
    given: dict[str, Any] = {
        "amount_minor": 10_000,
        "platform_fee_minor": 1_500,
        "creator_amount_minor": 8_500,
        "currency": "EUR",
        "status": PaymentStatus.SUCCEEDED,
        "stripe_payment_intent_id": f"pi_{uuid7().hex}",
    }
    payment = Payment(id=uuid7(), booking_id=booking.id, **(given | columns))
    session.add(payment)
    session.commit()
    return payment


def plain(words: str) -> str:
    return words.replace("\u00a0", " ").replace("\u202f", " ")


@pytest.mark.parametrize("path", [LIST, LIST + "/{id}"])
def test_only_admins_see_bookings(app: Flask, zoe: Creator, paul: User, booking: Booking, path: str) -> None:
    address = path.format(id=booking.id)
    assert Browser(app).get(address, follow=False).headers["Location"].startswith("/login")
    for email in (zoe.email, paul.email):
        assert Browser(app).sign_in(email).get(address).status_code == 403


@pytest.mark.parametrize("id_", [UNKNOWN_ID, "not-an-id"])
def test_a_booking_that_does_not_exist_is_404(admin: Browser, id_: str) -> None:
    assert admin.get(f"{LIST}/{id_}").status_code == 404


def test_the_list_shows_who_booked_what_and_where_to_go_on(
    admin: Browser, session: Session, booking: Booking
) -> None:
    admin.get(LIST)
    for words in (
        "Paul Client",
        "Zoé Lambert",
        "Conseil en musique",
        "123,45 €",
        "À payer",
        "Expire dans 30 minutes",
    ):
        assert words in plain(admin.words), words
    assert f'href="{LIST}/{booking.id}"' in admin.text
    assert f'href="/dashboard/admin/traces/booking/{booking.id}"' in admin.text
    payment = payment_of(session, booking)
    assert f'href="/dashboard/admin/payments/{payment.id}"' in admin.get(LIST).text


@pytest.mark.parametrize("path", [LIST, "/dashboard/admin/payments", "/dashboard/admin/refunds-disputes"])
def test_each_page_of_what_is_sold_is_one_click_from_the_others(admin: Browser, path: str) -> None:
    admin.get(path)
    rest = admin.text[admin.text.index('class="page-actions"') :]
    shown = re.findall(r'href="([^"?]+)[^"]*"( aria-current="true")?', rest[: rest.index("</div>\n    </div>")])
    assert [href for href, _ in shown] == [
        "/dashboard/admin/payments",
        LIST,
        "/dashboard/admin/refunds-disputes",
    ]
    assert [href for href, current in shown if current] == [path]


def test_the_top_bar_keeps_its_entries_and_shows_where_one_is(admin: Browser) -> None:
    page = admin.get(LIST).text
    bar = page[page.index('class="mainnav"') : page.index("</nav>")]
    assert re.findall(r'href="([^"]+)" aria-current="page"', bar) == ["/dashboard/admin/payments"]
    assert bar.count("<a ") == 7
    assert re.findall(r'data-go="(\w)"', page) == list("oltvcpjwa")


@pytest.mark.parametrize(
    "query",
    [
        "q=paul",
        "q=Lambert",
        "q=conseil",
        "q=pi_mine",
        "status=PENDING",
        "status=PENDING&status=CONFIRMED",
        "from=now-1d",
    ],
)
def test_filters_find_the_booking(admin: Browser, session: Session, booking: Booking, query: str) -> None:
    payment_of(session, booking, status=PaymentStatus.PENDING, stripe_payment_intent_id="pi_mine")
    assert f'data-booking-id="{booking.id}"' in admin.get(f"{LIST}?{query}").text


@pytest.mark.parametrize("query", ["q=nobody", "status=COMPLETED", "to=now-1d", "q=%25", "q=_", "q=pi_"])
def test_filters_that_fit_nothing_say_so(admin: Browser, booking: Booking, query: str) -> None:
    assert "Aucune réservation ne correspond" in admin.get(f"{LIST}?{query}").text


def test_people_and_ids_narrow_the_list_to_their_own(
    admin: Browser, session: Session, factory: Factory, zoe: Creator, paul: User, booking: Booking
) -> None:
    marc = factory.user(name="Marc Autre")
    other = booking_of(factory, offer_of(factory, factory.creator(account=False)), marc)
    payment = payment_of(session, booking)
    asked = (f"userId={paul.id}", f"creatorId={zoe.id}", f"q={booking.id}", f"q={payment.id}")
    for query in asked:
        admin.get(f"{LIST}?{query}")
        assert re.findall(r'data-booking-id="([^"]+)"', admin.text) == [str(booking.id)], query
    assert str(other.id) in admin.get(f"{LIST}?userId={marc.id}").text
    assert "client : Marc Autre" in admin.words


@pytest.mark.parametrize(
    "query", ["status=DONE", "page=2", "limit=7", "cursor=x", "creatorId=1", "userId=1", "from=never", "to=never"]
)
def test_a_bad_parameter_is_named(admin: Browser, query: str) -> None:
    assert admin.get(f"{LIST}?{query}").status_code == 400
    assert query.partition("=")[0] in admin.words


def test_no_booking_at_all_is_said(admin: Browser) -> None:
    assert "Les appels réservés apparaîtront ici." in admin.get(LIST).text


def test_pages_follow_each_other_without_a_gap(
    admin: Browser, session: Session, offer: CallOffer, paul: User, booking: Booking
) -> None:
    moment = NOW - timedelta(days=1)
    for n in range(30):
        at = moment if n < 20 else moment - timedelta(minutes=n)
        ended = {"status": BookingStatus.CANCELLED, "created_at": at}
        session.add(Booking(id=uuid7(), call_offer_id=offer.id, user_id=paul.id, **ended))
    session.commit()
    first = re.findall(r'data-booking-id="([^"]+)"', admin.get(f"{LIST}?limit=25").text)
    [following] = re.findall(r'rel="next" href="([^"]+)"', admin.text)
    second = re.findall(r'data-booking-id="([^"]+)"', admin.get(following.replace("&amp;", "&")).text)
    assert (len(first), len(second), len({*first, *second})) == (25, 6, 31)
    [back] = re.findall(r'rel="prev" href="([^"]+)"', admin.text)
    assert re.findall(r'data-booking-id="([^"]+)"', admin.get(back.replace("&amp;", "&")).text) == first


def test_tabs_count_each_status_and_keep_the_search(
    admin: Browser, factory: Factory, offer: CallOffer, paul: User, booking: Booking
) -> None:
    booking_of(factory, offer, paul, status=BookingStatus.CANCELLED)
    booking_of(factory, offer, paul, status=BookingStatus.CANCELLED)
    admin.get(f"{LIST}?q=paul&userId={paul.id}&status=CANCELLED")
    for words in ("Toutes 3", "À payer 1", "Confirmées 0", "Terminées 0", "Annulées 2"):
        assert words in admin.words, words
    assert f'href="{LIST}?status=PENDING&amp;q=paul&amp;userId={paul.id}"' in admin.text


def test_totals_take_what_was_charged_and_keep_currencies_apart(
    admin: Browser, session: Session, factory: Factory, offer: CallOffer, paul: User, booking: Booking
) -> None:
    """An offer that is for sale again may cost something else: what was charged before stays."""
    before = booking_of(factory, offer, paul, status=BookingStatus.CANCELLED)
    payment_of(session, before, n=1, status=PaymentStatus.CANCELED, amount_minor=10_000)
    payment_of(session, before, n=2, status=PaymentStatus.REFUNDED, amount_minor=10_000)
    yen = factory.creator(account=False, currency="JPY")
    booking_of(factory, offer_of(factory, yen, price_minor=5_000), paul)
    totals = AllBookings(now=datetime.now(UTC)).totals(session)
    found = [(total.currency, total.count, total.cost_minor, total.paid_minor) for total in totals]
    assert found == [("EUR", 2, 22_345, 10_000), ("JPY", 1, 5_000, 0)]
    admin.get(f"{LIST}?status=PENDING")
    assert "EUR 1 123,45 € 0,00 €" in plain(admin.words)


def test_one_booking_shows_its_call_people_payments_room_and_log(
    admin: Browser, session: Session, booking: Booking
) -> None:
    declined = {"decline_code": "expired_card", "error_message": "Your card has expired."}
    payment = payment_of(session, booking, status=PaymentStatus.FAILED, **declined)
    [row] = write(session, [Event("BOOKING_CREATED", details={"bookingId": str(booking.id)})])
    admin.get(f"{LIST}/{booking.id}")
    told = ("Paul Client", "Zoé Lambert", "Conseil en musique", "100,00 €", "https://rooms.example.test/call-1")
    for words in (*told, "Il reste à payer", "La dernière carte a été refusée", "expired_card", "Payé En cours"):
        assert words in plain(admin.words), words
    for address in (f"payments/{payment.id}", f"traces/booking/{booking.id}", f"system-logs/{row}"):
        assert f'href="/dashboard/admin/{address}"' in admin.text, address
    for address in (f"bookings/{booking.id}", f"payments/{payment.id}"):
        assert "La carte a expiré." in admin.get(f"/dashboard/admin/{address}").get_data(as_text=True), address


@pytest.mark.parametrize(
    ("columns", "starts_in", "said"),
    [
        ({"expires_at": NOW - timedelta(minutes=1)}, 3_000, "Le temps pour payer est passé"),
        ({"status": BookingStatus.CONFIRMED}, 3_000, "L’appel commence dans"),
        ({"status": BookingStatus.CONFIRMED}, -10, "L’appel est en cours."),
        ({"status": BookingStatus.CONFIRMED}, -40, "Le créateur doit dire que l’appel a eu lieu."),
        (
            {"status": BookingStatus.CANCELLED, "end_reason": "Unpaid before its deadline"},
            3_000,
            "Réservation expirée Échec Elle n’a pas été payée à temps.",
        ),
    ],
)
def test_one_booking_says_what_happens_next(
    admin: Browser, factory: Factory, zoe: Creator, paul: User, columns: dict[str, Any], starts_in: int, said: str
) -> None:
    offer = offer_of(factory, zoe, starts_at=datetime.now(UTC) + timedelta(minutes=starts_in))
    booking = booking_of(factory, offer, paul, **columns)
    assert said in admin.get(f"{LIST}/{booking.id}").text or said in admin.words


def test_the_payment_leads_to_the_booking_and_the_booking_to_its_trace(
    admin: Browser, session: Session, booking: Booking
) -> None:
    payment = payment_of(session, booking)
    assert f'href="{LIST}/{booking.id}"' in admin.get(f"/dashboard/admin/payments/{payment.id}").text
    trace = f"/dashboard/admin/traces/booking/{booking.id}"
    assert f'href="{trace}"' in admin.get(f"{LIST}/{booking.id}").text
    assert f'href="{LIST}/{booking.id}"' in admin.get(trace).text


def test_titles_of_bookings_are_never_run(admin: Browser, session: Session, booking: Booking) -> None:
    offer = session.get_one(CallOffer, booking.call_offer_id)
    offer.title = "<script>alert(1)</script>"
    session.commit()
    for path in (LIST, f"{LIST}/{booking.id}"):
        assert "<script>alert" not in admin.get(path).text


def test_the_users_own_page_of_a_booking_stays_closed_to_admins(
    app: Flask, factory: Factory, booking: Booking
) -> None:
    browser = Browser(app).sign_in(factory.user(Role.ADMIN).email)
    assert browser.get(f"/dashboard/user/bookings/{booking.id}").status_code == 403
