"""Every number of the overview is the number of rows that its link shows."""

import re
from datetime import timedelta
from html import unescape

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from portal.domain.work import utc_now
from portal.models import (
    Booking,
    BookingStatus,
    Dispute,
    InboxState,
    Payment,
    PayoutStatus,
    Refund,
    RefundStatus,
    StripeEvent,
    uuid7,
)
from tests.browser import Browser
from tests.factories import Factory
from tests.queries.books import Event, write
from tests.sales import Sales

OVERVIEW = "/dashboard/admin"
HOUR = timedelta(hours=1)


@pytest.fixture
def admin(factory: Factory, browser: Browser) -> Browser:
    """A signed-in admin."""
    return browser.sign_in(factory.admin().email)


@pytest.fixture
def busy(admin: Browser, app: Flask, factory: Factory, session: Session) -> Browser:
    """A portal with several of everything that the overview counts, and beside each what it does not."""
    _payouts(factory, session)
    payments = [Sales(app, session).sell(factory.creator(), factory.user()) for _ in range(10)]
    _sales(session, payments)
    _events(session)
    _errors(session)
    return admin


def _payouts(factory: Factory, session: Session) -> None:
    for currency in ("EUR", "EUR", "JPY"):
        factory.payout(factory.creator(currency=currency))
    for status in (PayoutStatus.FAILED, PayoutStatus.FAILED, PayoutStatus.RETURNED, PayoutStatus.REVIEW):
        factory.payout(factory.creator(), status=status)
    for status in (PayoutStatus.FAILED, PayoutStatus.RETURNED):
        factory.payout(factory.creator(), status=status).updated_at = utc_now() - timedelta(days=8)
    factory.payout(factory.creator(), status=PayoutStatus.APPROVED).updated_at = utc_now() - HOUR
    factory.payout(factory.creator(), status=PayoutStatus.APPROVED)
    for given in (
        {"is_payout_blocked": True, "payout_block_reason": "Litiges"},
        {"stripe_schedule_interval": "daily"},
    ):
        for _ in range(2):
            factory.creator(**given)
    session.commit()


def _sales(session: Session, payments: list[Payment]) -> None:
    statuses = (
        "needs_response",
        "warning_needs_response",
        "under_review",
        "warning_under_review",
        "needs_response",
    )
    for n, status in enumerate(statuses):
        session.add(
            Dispute(payment_id=payments[n].id, stripe_dispute_id=f"du_{n}", amount_minor=100, currency="EUR",
                    reason="fraudulent", status=status, closed_at=utc_now() if n == 4 else None,
                    evidence_due_at=utc_now() + timedelta(days=2))
        )  # fmt: skip
    for payment in payments[5:7]:
        session.get_one(Booking, payment.booking_id).status = BookingStatus.PENDING
        payment.succeeded_at = utc_now() - 2 * HOUR
    for payment, age, status in zip(
        payments[7:], (2, 0, 2), (RefundStatus.PENDING, RefundStatus.PENDING, RefundStatus.FAILED), strict=True
    ):
        session.add(
            Refund(payment_id=payment.id, amount_minor=100, currency="EUR", status=status, reason="x",
                   created_at=utc_now() - age * HOUR)
        )  # fmt: skip
    session.commit()


def _events(session: Session) -> None:
    kinds = [(InboxState.RECEIVED, 3), (InboxState.RECEIVED, 3), (InboxState.RECEIVED, 0), (InboxState.DEAD, 3),
             (InboxState.DEAD, 40), (InboxState.PROCESSED, 1)]  # fmt: skip
    for n, (state, age) in enumerate(kinds):
        at = utc_now() - age * HOUR
        session.add(
            StripeEvent(id=f"evt_{n}", type="payout.paid", livemode=False, payload=b"{}", request_id=uuid7(),
                        stripe_created_at=at, received_at=at, state=state)
        )  # fmt: skip
    session.commit()


def _errors(session: Session) -> None:
    errors = [("API_ERROR", "ERROR", 3), ("WEBHOOK_SIGNATURE_VERIFICATION_FAILED", "ERROR", 2)]
    errors += [(f"KIND_{n}", "CRITICAL", n + 1) for n in range(6)] + [(f"OTHER_{n}", "ERROR", 1) for n in range(5)]
    for kind, level, often in errors:
        write(session, [Event(kind, level, at=utc_now() - HOUR * n) for n in range(1, often + 1)])
        write(session, [Event(kind, level, at=utc_now() - 30 * HOUR)])


def rows_of(browser: Browser, href: str) -> int:
    """How many rows an address lists, or groups where it groups."""
    assert browser.get(href).status_code == 200, href
    found = re.search(r"(\d+) (?:\w+ sur cette page|groupes?,)", browser.words)
    return int(found[1]) if found else 0


def told(title: str, detail: str) -> int | None:
    """The number that a sentence begins with, or how often it says that an event came."""
    found = re.match(r"(?:et )?(\d+) ", title) or re.match(r"(\d+) fois en 24 h", detail)
    return int(found[1]) if found else None


def test_every_sentence_leads_to_as_many_rows_as_it_says(busy: Browser) -> None:
    busy.get(OVERVIEW)
    needs = re.findall(
        r'<a class="strong" href="([^"]+)">([^<]+)</a> <span class="muted">([^<]*)</span>', busy.text
    )
    counted = {
        unescape(title): (number, rows_of(busy, unescape(href)))
        for href, title, detail in needs
        if (number := told(unescape(title), unescape(detail))) is not None
    }
    more = counted.pop("et 2 autres types critiques")
    assert more == (2, 2 + sum(title.startswith("KIND_") for title in counted))
    assert {title: rows for title, (_, rows) in counted.items()} == {
        title: number for title, (number, _) in counted.items()
    }
    assert sorted(title for title in counted if title[0].isdigit()) == [
        "1 remboursement en retard",
        "2 comptes sont versés par Stripe sans approbation",
        "2 litiges attendent une réponse",
        "2 payouts n’avancent plus",
        "2 réservations en retard",
        "2 signatures de webhook refusées",
        "2 événements Stripe abandonnés",
        "2 événements Stripe en retard",
        "3 payouts à approuver",
        "3 payouts échoués en 7 jours",
    ]


def test_every_count_of_the_tables_is_its_links_rows(busy: Browser) -> None:
    busy.get(OVERVIEW)
    errors = re.findall(r'<td data-label="24 h" class="num strong"><a href="([^"]+)">(\d+)</a></td>', busy.text)
    facts = re.findall(r'<dd><a href="([^"]+)">(?:<span[^>]*>(?:<svg.*?</svg>)?)?(\d+)', busy.text)
    facts += re.findall(r'<a href="([^"]+)">dont (\d+) traités?</a>', busy.text)
    others = re.findall(r'<a href="([^"]+)">et (\d+) autres types</a>', busy.text)
    assert (len(errors), len(facts), len(others)) == (8, 5, 1)
    for href, number in [*errors, *facts]:
        assert rows_of(busy, unescape(href)) == int(number), href
    assert rows_of(busy, unescape(others[0][0])) == len(errors) + int(others[0][1])
