"""An admin who sells or buys: pages say that another admin has to decide, and offer nothing to send."""

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.models import Creator, Payment, User
from tests.browser import Browser
from tests.factories import Factory
from tests.market import fresh, logged, seller
from tests.sales import REASON, Sales

DESK = "/dashboard/admin"


@pytest.fixture
def zoe(factory: Factory) -> Creator:
    return seller(factory, name="Zoé", is_payout_blocked=True, payout_block_reason="Litiges en cours")


@pytest.fixture
def paul(factory: Factory) -> User:
    return factory.user()


@pytest.fixture
def payment(app: Flask, session: Session, zoe: Creator, paul: User) -> Payment:
    return Sales(app, session).sell(zoe, paul)


def appointed(app: Flask, session: Session, user: User) -> Browser:
    """Somebody who was made an admin, and signed in."""
    session.execute(text("update \"user\" set role = 'ADMIN' where id = :id"), {"id": user.id})
    session.commit()
    return Browser(app).sign_in(user.email)


def test_the_pages_of_ones_own_affairs_offer_nothing_to_send(
    app: Flask, session: Session, factory: Factory, zoe: Creator, payment: Payment
) -> None:
    own, other = appointed(app, session, zoe.user), Browser(app).sign_in(factory.admin().email)
    for path in (f"creators/{zoe.id}/unblock", f"creators/{zoe.id}/validate", f"payments/{payment.id}/refund"):
        for browser, offered in ((own, False), (other, True)):
            page = browser.get(f"{DESK}/{path}").text.partition("data-confirm>")[2].partition("</form>")[0]
            assert ("data-busy-label" in page, browser.status) == (offered, 200), path
    assert "un autre administrateur doit le faire" in own.words


@pytest.mark.parametrize("party", ["buyer", "seller"])
def test_a_sale_of_ones_own_is_refunded_by_another(
    app: Flask, session: Session, factory: Factory, zoe: Creator, paul: User, payment: Payment, party: str
) -> None:
    own = appointed(app, session, paul if party == "buyer" else zoe.user)
    other = Browser(app).sign_in(factory.admin().email)
    page = f"{DESK}/payments/{payment.id}/refund"
    form = {"amount": "1", "reason": REASON, "csrf_token": own.get(DESK) and own.csrf_token()}
    assert own.client.post(page, data=form).status_code == 403
    assert logged(session, "REFUND_INITIATED") == []
    [row] = logged(session, "USER_ACCESS_DENIED")
    assert (row.details["paymentId"], row.details["endpoint"]) == (str(payment.id), "payments.refund")
    other.get(page)
    other.submit("/refund", amount="1", reason=REASON)
    assert len(logged(session, "REFUND_INITIATED")) == 1


def test_a_creator_is_unblocked_and_validated_by_another(
    app: Flask, session: Session, factory: Factory, zoe: Creator
) -> None:
    own, other = appointed(app, session, zoe.user), Browser(app).sign_in(factory.admin().email)
    for act in ("unblock", "validate"):
        token = own.get(DESK) and own.csrf_token()
        answer = own.client.post(f"{DESK}/creators/{zoe.id}/{act}", data={"reason": REASON, "csrf_token": token})
        assert (answer.status_code, "un autre administrateur doit le faire" in answer.text) == (403, True)
    assert (fresh(session, zoe).is_payout_blocked, fresh(session, zoe).validated_at) == (True, None)
    assert [row.details["endpoint"] for row in logged(session, "USER_ACCESS_DENIED")] == [
        "creators.unblock", "creators.validate"
    ]  # fmt: skip
    for act in ("unblock", "validate"):
        other.get(f"{DESK}/creators/{zoe.id}/{act}")
        other.submit(f"/{act}", **({"reason": REASON} if act == "unblock" else {}))
    assert not fresh(session, zoe).is_payout_blocked
    assert fresh(session, zoe).validated_at is not None
