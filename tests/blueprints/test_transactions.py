"""The book of money's pages: rows, filters, permanent links, rights."""

import re
from html import unescape

import pytest
from sqlalchemy.orm import Session

from tests.browser import Browser
from tests.factories import Factory
from tests.queries.books import NOON, Event, Money, minutes, write, write_money

MONEY = "/dashboard/admin/logs"


@pytest.fixture
def admin(browser: Browser, factory: Factory) -> Browser:
    """A signed-in admin."""
    return browser.sign_in(factory.admin().email)


def shown(browser: Browser) -> list[int]:
    return [int(found) for found in re.findall(r'<tr id="log-\d+" data-log-id="(\d+)"', browser.text)]


def test_money_is_shown_newest_first_with_its_currency(admin: Browser, session: Session) -> None:
    rows = [Money(amount_minor=123450, currency="EUR"), Money("PAYOUT_FAILED", amount_minor=500, currency="JPY")]
    first, second = write_money(session, rows)
    admin.get(MONEY)
    assert shown(admin) == [second, first]
    assert "1\u202f234,50\xa0€" in unescape(admin.text)
    assert "500\xa0JPY" in unescape(admin.text)
    assert f'data-log-id="{second}" data-type="PAYOUT_FAILED" data-level="ERROR" data-actor="SYSTEM"' in admin.text


def test_filters_are_pills_and_the_next_page_keeps_them(admin: Browser, session: Session) -> None:
    rows = [Money(amount_minor=n * 100, currency="EUR", at=NOON + minutes(n)) for n in range(40)]
    ids = write_money(session, rows)
    admin.get(f"{MONEY}?amountMin=5&currency=eur&limit=25")
    assert "montant à partir de 5" in admin.words
    seen = shown(admin)
    following = re.search(r'rel="next" href="([^"]+)"', admin.text)
    assert following is not None
    admin.get(unescape(following[1]))
    assert seen + shown(admin) == ids[5:][::-1]
    assert 'rel="next"' not in admin.text


def test_a_row_opens_in_place_and_by_itself(admin: Browser, session: Session) -> None:
    [row] = write_money(
        session, [Money(error_message="Carte refusée", details={"creatorId": "c-9"}, payout_id="p-9")]
    )
    admin.get(f"{MONEY}?open={row}")
    assert "/dashboard/admin/traces/payout/p-9" in admin.text
    assert "/dashboard/admin/traces/creator/c-9" in admin.text
    fragment = re.search(r'data-expand="([^"]+)"', admin.text)
    assert fragment is not None
    assert "<html" not in admin.get(unescape(fragment[1])).text
    assert "Carte refusée" in admin.words


def test_the_permanent_page_shows_what_the_same_request_wrote(admin: Browser, session: Session) -> None:
    money = Money("PAYOUT_FAILED", amount_minor=1000, currency="EUR", error_message="<script>alert(1)</script>")
    write(
        session,
        [
            Event("PAYOUT_APPROVED", message="Approuvé par Zoé", request_id=money.request_id),
            Event(message="autre"),
        ],
    )
    ids = write_money(session, [money, Money("PAYOUT_CREATED", request_id=money.request_id)])
    admin.get(f"{MONEY}/{ids[0]}")
    assert "PAYOUT_FAILED · 10,00\xa0€" in unescape(admin.text)
    assert "Approuvé par Zoé" in admin.words
    assert "PAYOUT_CREATED" in admin.words
    assert "autre" not in admin.words
    assert "<script>alert" not in admin.text


@pytest.mark.parametrize("row", ["1", "x", "-1", "99999999999999999999", "%00"])
def test_a_transaction_that_does_not_exist_is_404(admin: Browser, row: str) -> None:
    assert admin.get(f"{MONEY}/{row}").status_code == 404


@pytest.mark.parametrize("query", ["amountMin=x", "level=ERROR", "eventType=x", "open=x", "cursor=x", "q=a"])
def test_a_bad_parameter_is_named(admin: Browser, query: str) -> None:
    assert admin.get(f"{MONEY}?{query}").status_code == 400
    assert query.partition("=")[0] in admin.words
    assert f'href="{MONEY}"' in admin.text


def test_an_empty_page_says_why(admin: Browser, session: Session) -> None:
    write_money(session, [Money("PAYOUT_PAID", amount_minor=100, currency="EUR")])
    admin.get(f"{MONEY}?eventType=PAYOUT_PAID&currency=USD")
    assert "Le filtre « devise USD » écarte tout ce que les autres gardent." in admin.words


@pytest.mark.parametrize("address", [MONEY, f"{MONEY}/1"])
def test_only_admins_read_the_book_of_money(browser: Browser, factory: Factory, address: str) -> None:
    assert "/login" in browser.get(address, follow=False).headers["Location"]
    browser.sign_in(factory.creator(account=False).user.email)
    assert browser.get(address).status_code == 403


def test_a_decline_is_told_in_the_readers_language_beside_stripes_words(admin: Browser, session: Session) -> None:
    said = "Your card has expired."
    rows = [Money("PAYMENT_FAILED", error_message=said, details={"declineCode": c}) for c in ("expired_card", 7)]
    [known, odd] = write_money(session, rows)
    for address in (f"{MONEY}/{known}", f"{MONEY}/{known}?partial=1"):
        admin.get(address)
        assert f'<p>La carte a expiré.</p><p lang="en">{said}</p>' in admin.text
    assert "<p>La" not in admin.get(f"{MONEY}/{odd}").get_data(as_text=True)
