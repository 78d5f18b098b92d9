"""The top bar's search: one hit leads there, several are grouped, none offers the books; hostile input is text."""

from datetime import UTC, datetime

import pytest
from flask import Flask
from sqlalchemy import event
from sqlalchemy.orm import Session

from portal.audit.system_log import log_error
from portal.extensions import db
from portal.models import (
    Booking,
    Dispute,
    InboxState,
    JobRun,
    Log,
    LogActor,
    RunState,
    StripeEvent,
    Transfer,
    uuid7,
)
from tests.browser import Browser
from tests.factories import Factory
from tests.sales import Sales

SEARCH = "/dashboard/admin/search"


@pytest.fixture
def admin(factory: Factory, browser: Browser) -> Browser:
    return browser.sign_in(factory.admin(name="Claire Delmas").email)


def lands(browser: Browser, text: str) -> str:
    browser.get(SEARCH, query_string={"q": text}, follow=False)
    assert browser.page is not None
    return str(browser.page.headers.get("Location", browser.status))


def test_any_id_leads_straight_to_its_page(admin: Browser, app: Flask, factory: Factory, session: Session) -> None:
    creator, buyer = factory.creator(name="Zoé Martin"), factory.user(name="Paul Ugo")
    payout = factory.payout(creator, stripe_payout_id="po_1Abc")
    payment = Sales(app, session).sell(creator, buyer)
    booking = session.get_one(Booking, payment.booking_id)
    dispute = Dispute(id=uuid7(), payment_id=payment.id, stripe_dispute_id="du_1Abc", amount_minor=100,
                      currency="EUR", reason="fraudulent", status="needs_response")  # fmt: skip
    now = datetime.now(UTC)
    run = JobRun(id=uuid7(), job="cleanup-logs", slot="s", state=RunState.SUCCEEDED, node="n", started_at=now,
                 heartbeat_at=now, lease_until=now)  # fmt: skip
    came = StripeEvent(id="evt_1Abc", type="payout.paid", livemode=False, payload=b"{}", request_id=uuid7(),
                       stripe_created_at=now, received_at=now, state=InboxState.PROCESSED)  # fmt: skip
    session.add_all([dispute, run, came])
    if session.query(Transfer).count() == 0:
        session.add(Transfer(payment_id=payment.id, stripe_transfer_id="tr_1Abc", amount_minor=1, currency="EUR"))
    session.commit()
    desk, traces = "/dashboard/admin", "/dashboard/admin/traces"
    expected = {
        str(payout.id): f"{desk}/payouts/{payout.id}",
        f"  {str(payout.id).upper()} ": f"{desk}/payouts/{payout.id}",
        payout.id.hex: f"{desk}/payouts/{payout.id}",
        f"{str(payout.id)[:8]}…{str(payout.id)[-6:]}": f"{desk}/payouts/{payout.id}",
        "po_1Abc": f"{desk}/payouts/{payout.id}",
        str(booking.id): f"{desk}/bookings/{booking.id}",
        str(payment.id): f"{desk}/payments/{payment.id}",
        str(payment.stripe_payment_intent_id): f"{desk}/payments/{payment.id}",
        session.query(Transfer).first().stripe_transfer_id: f"{desk}/payments/{payment.id}",  # type: ignore[union-attr]
        str(booking.call_offer_id): f"{traces}/offer/{booking.call_offer_id}",
        str(dispute.id): f"{traces}/dispute/{dispute.id}",
        "du_1Abc": f"{traces}/dispute/{dispute.id}",
        str(run.id): f"{traces}/job-run/{run.id}",
        "evt_1Abc": f"{desk}/webhooks/evt_1Abc",
        str(creator.id): f"{desk}/creators/{creator.id}",
        str(creator.stripe_account_id): f"{desk}/creators/{creator.id}",
        creator.email: f"{desk}/creators/{creator.id}",
        f"@{creator.handle}": f"{desk}/creators/{creator.id}",
        "zoé mar": f"{desk}/creators/{creator.id}",
        buyer.email.upper(): f"{desk}/users/{buyer.id}",
        "payout_paid": f"{desk}/system-logs?type=PAYOUT_PAID",
    }
    assert {text: lands(admin, text) for text in expected} == expected


def test_rows_and_requests_are_found_by_number_and_id(admin: Browser, app: Flask, session: Session) -> None:
    facts = {"endpoint": "/x", "action": "x", "errorType": "E", "errorMessage": "m", "errorStack": None}
    with app.app_context():
        log_error("API_ERROR", LogActor.SYSTEM, None, None, facts)
    row = session.query(Log).filter_by(type="API_ERROR").one()
    assert lands(admin, f"#{row.id}") == f"/dashboard/admin/system-logs/{row.id}"
    assert lands(admin, str(row.request_id)) == f"/dashboard/admin/traces/request/{row.request_id}"


def test_several_hits_are_grouped_and_none_offers_both_books(admin: Browser, factory: Factory) -> None:
    for name in ("Ana Petit", "Ana Grand"):
        factory.creator(name=name)
    factory.user(name="Anatole")
    admin.get(f"{SEARCH}?q=ana")
    assert "Créateurs Nom Détail" in admin.words
    assert admin.words.index("Ana Grand") < admin.words.index("Ana Petit") < admin.words.index("Anatole")
    admin.get(f"{SEARCH}?q=solde insuffisant")
    assert "Rien ne porte cet identifiant" in admin.words
    assert "/dashboard/admin/system-logs?q=%22solde+insuffisant%22" in admin.text
    admin.get("/dashboard/admin/system-logs?q=%22solde+insuffisant%22")
    assert admin.status == 200


HOSTILE = (
    *(
        "%",
        "_",
        "'; drop table payout; --",
        '"><script>alert(1)</script>',
        "\\",
        "é" * 200,
        "9" * 30,
        "-",
        "@",
        "po_",
    ),
    *("0" * 32, "ffffffff" * 4, "…", "aaaaaaaa…", "deadbeef-", "#", "#-1", "１２３", "%00x", "{}", "evt_%"),
)


def test_hostile_input_is_only_text(admin: Browser, app: Flask, factory: Factory) -> None:
    factory.creator(name="100 % Zoé_")
    with app.app_context():
        engine = db.engine
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    for text in HOSTILE:
        admin.get(SEARCH, query_string={"q": text})
        assert admin.status == 200, text
        assert "<script>alert" not in admin.text
    assert max(len(asked), 1) <= 8 * len(HOSTILE)
    for text in ("x\x00y", "x" * 201):
        assert admin.get(SEARCH, query_string={"q": text}).status_code == 400
    assert admin.get(f"{SEARCH}?q=a&q=b").status_code == 400
    assert admin.get(f"{SEARCH}?x=1").status_code == 400


def test_only_admins_search_and_the_top_bar_offers_it(app: Flask, admin: Browser, factory: Factory) -> None:
    assert f'action="{SEARCH}"' in admin.get("/dashboard/admin").text
    creator = Browser(app).sign_in(factory.creator().email)
    assert f'action="{SEARCH}"' not in creator.get("/dashboard/creator").text
    assert creator.get(SEARCH).status_code == 403
    assert Browser(app).get(SEARCH, follow=False).status_code == 302
