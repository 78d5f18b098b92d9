"""What tests of the marketplace start from: a creator who can be paid, an offer, somebody who books."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.models import Booking, BookingStatus, CallOffer, Creator, Log, OfferStatus, TransactionLog, User, uuid7
from tests.browser import Browser
from tests.factories import Factory

OFFERS = "/dashboard/creator/offers"


def seller(factory: Factory, **given: Any) -> Creator:
    """A creator whom people can pay."""
    return factory.creator(charges_enabled=True, payouts_enabled=True, **given)


def offer_of(factory: Factory, creator: Creator, **columns: Any) -> CallOffer:
    """An offer without the rows of its life, three days ahead."""
    given = {
        "title": "Appel 30min",
        "description": "",
        "price_minor": 10_000,
        "currency": creator.currency,
        "starts_at": datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=3),
        "duration_minutes": 30,
        "status": OfferStatus.AVAILABLE,
    }
    offer = CallOffer(id=uuid7(), creator_id=creator.id, **(given | columns))
    factory.session.add(offer)
    factory.session.commit()
    return offer


def booking_of(factory: Factory, offer: CallOffer, user: User, **columns: Any) -> Booking:
    """A booking without the rows of its life; the offer is taken unless it is cancelled."""
    given = {"status": BookingStatus.PENDING, "expires_at": datetime.now(UTC) + timedelta(minutes=30)}
    booking = Booking(id=uuid7(), call_offer_id=offer.id, user_id=user.id, **(given | columns))
    factory.session.add(booking)
    if booking.status is not BookingStatus.CANCELLED:
        offer.status = OfferStatus.BOOKED
    factory.session.commit()
    return booking


def fresh(session: Session, thing: Any) -> Any:
    """The row as it stands now."""
    session.rollback()
    return session.get_one(type(thing), thing.id, populate_existing=True)


def logged(session: Session, *types: str) -> list[Log]:
    """Rows of `log` of these types, oldest first."""
    session.rollback()
    return list(session.scalars(select(Log).where(Log.type.in_(types)).order_by(Log.id)))


def money_rows(session: Session) -> list[TransactionLog]:
    """Every row of the book of money, oldest first."""
    session.rollback()
    return list(session.scalars(select(TransactionLog).order_by(TransactionLog.id)))


def opened(browser: Browser, path: str) -> Browser:
    """A browser that shows a page, and so holds a token for JSON calls."""
    browser.get(path)
    assert browser.status == 200, browser.words
    return browser
