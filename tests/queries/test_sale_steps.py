"""The expected steps of bookings, payments, refunds and disputes, in every state they can be in."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from portal.models import (
    Booking,
    BookingStatus,
    CallOffer,
    Creator,
    Dispute,
    Payment,
    PaymentStatus,
    Refund,
    RefundStatus,
    User,
    uuid7,
)
from portal.queries.trace import TraceKind, find_trace
from portal.queries.trace_steps import TraceStep
from tests.browser import Browser
from tests.factories import Factory
from tests.market import booking_of, offer_of
from tests.queries.books import Event, write

NOW = datetime.now(UTC).replace(microsecond=0)
MADE = NOW - timedelta(days=2)
DEADLINE = NOW + timedelta(minutes=20)
MISSED = NOW - timedelta(minutes=1)
B, P, R = BookingStatus, PaymentStatus, RefundStatus
PAID = {"status": P.SUCCEEDED, "succeeded_at": MADE + timedelta(minutes=1)}
CONFIRMED = {"status": B.CONFIRMED, "confirmed_at": MADE + timedelta(minutes=1)}
ENDED = {"status": B.CANCELLED, "ended_at": MADE + timedelta(hours=1)}
CANCELLED = ENDED | {"end_reason": "Cancelled by creator via call offer update"}
EXPIRED = ENDED | {"end_reason": "Unpaid before its deadline"}
DECLINED = {"status": P.FAILED, "error_message": "Your card was declined."}
WITHOUT_INTENT = {"stripe_payment_intent_id": None}


@pytest.fixture
def zoe(factory: Factory) -> Creator:
    return factory.creator(account=False)


@pytest.fixture
def paul(factory: Factory) -> User:
    return factory.user()


@pytest.fixture
def offer(factory: Factory, zoe: Creator) -> CallOffer:
    """A call of 30 minutes, three days ahead."""
    return offer_of(factory, zoe, starts_at=NOW + timedelta(days=3))


@pytest.fixture
def booking(factory: Factory, offer: CallOffer, paul: User) -> Booking:
    return booking_of(factory, offer, paul, expires_at=DEADLINE, created_at=MADE)


@pytest.fixture
def payment(session: Session, booking: Booking) -> Payment:
    return pay(session, booking, **PAID)


def save(session: Session, row: Any) -> Any:
    session.add(row)
    session.commit()
    return row


def pay(session: Session, booking: Booking, **columns: Any) -> Payment:
    given = {"amount_minor": 100, "platform_fee_minor": 15, "creator_amount_minor": 85, "currency": "EUR"}
    given |= {"status": P.PENDING, "stripe_payment_intent_id": f"pi_{uuid7().hex}", "created_at": MADE}
    return save(session, Payment(id=uuid7(), booking_id=booking.id, **(given | columns)))  # type: ignore[no-any-return]


def give_back(session: Session, payment: Payment, **columns: Any) -> Refund:
    given = {"amount_minor": 100, "currency": "EUR", "reason": "Appel annulé", "created_at": NOW}
    given |= {"status": R.PENDING, "stripe_refund_id": f"re_{uuid7().hex}", "first_sent_at": NOW}
    return save(session, Refund(id=uuid7(), payment_id=payment.id, **(given | columns)))  # type: ignore[no-any-return]


def dispute_of(session: Session, payment: Payment, **columns: Any) -> Dispute:
    given = {"amount_minor": 100, "currency": "EUR", "reason": "fraudulent", "status": "needs_response"}
    given |= {"stripe_dispute_id": f"du_{uuid7().hex}", "created_at": MADE, "evidence_due_at": DEADLINE}
    return save(session, Dispute(id=uuid7(), payment_id=payment.id, **(given | columns)))  # type: ignore[no-any-return]


def change(session: Session, row: Any, **columns: Any) -> None:
    for name, value in columns.items():
        setattr(row, name, value)
    session.commit()


def steps_of(session: Session, kind: TraceKind, row: Any, now: datetime = NOW) -> dict[str, TraceStep]:
    row_id = str(row.id)
    session.rollback()
    trace = find_trace(session, kind, row_id, now=now)
    assert trace is not None
    return {str(shown.step.key): shown for shown in trace.steps}


def states(steps: dict[str, TraceStep]) -> str:
    return ", ".join(f"{key} {shown.step.state}" for key, shown in steps.items())


FIRST = "booking done, payment done, paid done, "
LIVES: list[tuple[str, dict[str, Any], dict[str, Any] | None, str]] = [
    (
        "nothing begun",
        {},
        None,
        "booking done, payment current, paid not_reached, confirmation not_reached, completion not_reached",
    ),
    (
        "nothing begun in time",
        {"expires_at": MISSED},
        None,
        "booking done, payment overdue, paid not_reached, confirmation not_reached, completion not_reached",
    ),
    (
        "refused by Stripe at its creation, to be tried again",
        {},
        DECLINED | WITHOUT_INTENT,
        "booking done, payment current, paid not_reached, confirmation not_reached, completion not_reached",
    ),
    (
        "begun",
        {},
        {},
        "booking done, payment done, paid current, confirmation not_reached, completion not_reached",
    ),
    (
        "declined, in time for another card",
        {},
        DECLINED,
        "booking done, payment done, paid current, confirmation not_reached, completion not_reached",
    ),
    (
        "begun and not paid in time",
        {"expires_at": MISSED},
        {},
        "booking done, payment done, paid overdue, confirmation not_reached, completion not_reached",
    ),
    (
        "paid, not yet confirmed",
        {},
        PAID | {"succeeded_at": NOW},
        FIRST + "confirmation current, completion not_reached",
    ),
    (
        "paid, and not confirmed in time",
        {},
        PAID,
        FIRST + "confirmation overdue, completion not_reached",
    ),
    ("confirmed", CONFIRMED, PAID, FIRST + "confirmation done, completion current"),
    (
        "held",
        CONFIRMED | {"status": B.COMPLETED, "ended_at": NOW},
        PAID,
        FIRST + "confirmation done, completion done",
    ),
    (
        "expired without a try",
        EXPIRED,
        None,
        "booking done, payment skipped, paid skipped, confirmation skipped, expiry failed",
    ),
    (
        "expired after a decline",
        EXPIRED,
        DECLINED,
        "booking done, payment done, paid failed, confirmation skipped, expiry failed",
    ),
    (
        "expired, its intent cancelled",
        EXPIRED,
        {"status": P.CANCELED},
        "booking done, payment done, paid skipped, confirmation skipped, expiry failed",
    ),
    (
        "expired, its intent refused",
        EXPIRED,
        DECLINED | WITHOUT_INTENT,
        "booking done, payment failed, paid skipped, confirmation skipped, expiry failed",
    ),
    (
        "cancelled unpaid",
        CANCELLED,
        {"status": P.CANCELED},
        "booking done, payment done, paid skipped, confirmation skipped, booking_cancellation failed",
    ),
    (
        "cancelled after payment, nothing asked back",
        CONFIRMED | CANCELLED,
        PAID,
        FIRST + "confirmation done, booking_cancellation failed, refund overdue",
    ),
    (
        "paid too late",
        EXPIRED,
        PAID,
        FIRST + "confirmation skipped, expiry failed, refund overdue",
    ),
]


@pytest.mark.parametrize(
    ("columns", "paying", "expected"), [life[1:] for life in LIVES], ids=[x[0] for x in LIVES]
)
def test_a_booking_has_the_steps_of_its_state(
    session: Session, booking: Booking, columns: dict[str, Any], paying: dict[str, Any] | None, expected: str
) -> None:
    change(session, booking, **columns)
    if paying is not None:
        pay(session, booking, **paying)
    assert states(steps_of(session, TraceKind.BOOKING, booking)) == expected


def test_an_unpaid_booking_is_due_when_it_expires(session: Session, booking: Booking) -> None:
    assert steps_of(session, TraceKind.BOOKING, booking)["payment"].step.due == DEADLINE
    pay(session, booking, **DECLINED)
    found = steps_of(session, TraceKind.BOOKING, booking)
    assert (found["payment"].step.due, found["paid"].step.due) == (None, DEADLINE)
    assert found["paid"].note == "Your card was declined."


@pytest.mark.parametrize(("after", "state"), [(0, "current"), (1, "overdue")])
def test_a_call_is_to_be_completed_when_it_is_over(
    session: Session, booking: Booking, offer: CallOffer, payment: Payment, after: int, state: str
) -> None:
    change(session, booking, **CONFIRMED)
    ends = offer.starts_at + timedelta(minutes=30)
    step = steps_of(session, TraceKind.BOOKING, booking, ends + timedelta(seconds=after))["completion"].step
    assert (step.due, step.state, step.at) == (ends, state, None)


def test_a_cancelled_booking_says_why_and_when(session: Session, booking: Booking, payment: Payment) -> None:
    change(
        session,
        booking,
        **CONFIRMED,
    )
    change(session, booking, **CANCELLED)
    [row] = write(session, [Event("BOOKING_CANCELLED", details={"bookingId": str(booking.id)})])
    shown = steps_of(session, TraceKind.BOOKING, booking)["booking_cancellation"]
    assert (shown.type, shown.log_id, shown.step.at) == ("BOOKING_CANCELLED", row, CANCELLED["ended_at"])
    assert shown.note == CANCELLED["end_reason"]
    assert shown.step.elapsed == timedelta(minutes=59)


@pytest.mark.parametrize(
    ("refunds", "state", "type"),
    [
        ([{"status": R.SUCCEEDED, "settled_at": NOW}], "done", "REFUND_SUCCEEDED"),
        ([{"status": R.PENDING}], "current", "REFUND_SUCCEEDED"),
        ([{"status": R.FAILED, "failure_reason": "lost_card", "settled_at": NOW}], "failed", "REFUND_FAILED"),
        ([{"status": R.FAILED}, {"status": R.SUCCEEDED, "settled_at": NOW}], "done", "REFUND_SUCCEEDED"),
        ([{"status": R.SUCCEEDED, "amount_minor": 40}], "overdue", "REFUND_SUCCEEDED"),
        ([{"status": R.SUCCEEDED, "amount_minor": 40}, {"amount_minor": 60}], "current", "REFUND_SUCCEEDED"),
    ],
)
def test_the_money_of_a_cancelled_booking_is_followed_to_its_end(
    session: Session, booking: Booking, payment: Payment, refunds: list[dict[str, Any]], state: str, type: str
) -> None:
    change(session, booking, **CANCELLED)
    for n, columns in enumerate(refunds):
        give_back(session, payment, **columns, created_at=NOW + timedelta(seconds=n))
    shown = steps_of(session, TraceKind.BOOKING, booking)["refund"]
    assert (shown.step.state, shown.type) == (state, type)
    assert shown.note == ("lost_card" if state == "failed" else None)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({}, "payment done, paid current"),
        (WITHOUT_INTENT, "payment current, paid not_reached"),
        (PAID, "payment done, paid done"),
        (DECLINED, "payment done, paid failed"),
        (DECLINED | WITHOUT_INTENT, "payment failed, paid skipped"),
        ({"status": P.CANCELED}, "payment done, paid skipped"),
        ({"status": P.CANCELED} | WITHOUT_INTENT, "payment skipped, paid skipped"),
    ],
)
def test_a_payment_has_the_steps_of_its_state(
    session: Session, booking: Booking, columns: dict[str, Any], expected: str
) -> None:
    payment = pay(session, booking, **columns)
    assert states(steps_of(session, TraceKind.PAYMENT, payment)) == expected


def test_a_payment_is_awaited_until_its_booking_expires(session: Session, booking: Booking) -> None:
    payment = pay(session, booking)
    assert steps_of(session, TraceKind.PAYMENT, payment)["paid"].step.due == DEADLINE
    change(session, booking, expires_at=MISSED)
    assert steps_of(session, TraceKind.PAYMENT, payment)["paid"].step.state == "overdue"


def test_a_declined_payment_is_dated_and_explained_by_its_row(session: Session, booking: Booking) -> None:
    payment = pay(session, booking, **DECLINED)
    about = {"paymentId": str(payment.id)}
    first, last = write(
        session, [Event("PAYMENT_FAILED", details=about, at=MADE + timedelta(minutes=n)) for n in (3, 5)]
    )
    shown = steps_of(session, TraceKind.PAYMENT, payment)["paid"]
    assert (shown.type, shown.note) == ("PAYMENT_FAILED", "Your card was declined.")
    assert shown.log_id == last != first
    assert shown.step.at == MADE + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("status", "state"), [(R.PENDING, "current"), (R.SUCCEEDED, "done"), (R.FAILED, "failed")]
)
def test_a_payment_shows_its_newest_refund(
    session: Session, payment: Payment, status: RefundStatus, state: str
) -> None:
    give_back(session, payment, status=status, amount_minor=40)
    assert states(steps_of(session, TraceKind.PAYMENT, payment)) == f"payment done, paid done, refund {state}"


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"stripe_refund_id": None}, "refund_request done, at_stripe current, settlement not_reached"),
        (
            {"stripe_refund_id": None, "created_at": NOW - timedelta(minutes=16)},
            "refund_request done, at_stripe overdue, settlement not_reached",
        ),
        (
            {"stripe_refund_id": None, "status": R.FAILED, "settled_at": NOW},
            "refund_request done, at_stripe failed, settlement skipped",
        ),
        ({}, "refund_request done, at_stripe done, settlement current"),
        ({"status": R.SUCCEEDED, "settled_at": NOW}, "refund_request done, at_stripe done, settlement done"),
        ({"status": R.FAILED, "settled_at": NOW}, "refund_request done, at_stripe done, settlement failed"),
    ],
)
def test_a_refund_has_the_steps_of_its_state(
    session: Session, payment: Payment, columns: dict[str, Any], expected: str
) -> None:
    refund = give_back(session, payment, **columns)
    assert states(steps_of(session, TraceKind.REFUND, refund)) == expected


def test_a_refund_made_at_stripe_begins_with_its_recording(session: Session, payment: Payment) -> None:
    refund = give_back(session, payment)
    assert steps_of(session, TraceKind.REFUND, refund)["refund_request"].type == "REFUND_INITIATED"
    [row] = write(session, [Event("REFUND_RECORDED", details={"refundId": str(refund.id)})])
    asked = steps_of(session, TraceKind.REFUND, refund)["refund_request"]
    assert (asked.type, asked.log_id, asked.note) == ("REFUND_RECORDED", row, "Appel annulé")


CLOSED = {"closed_at": NOW}


@pytest.mark.parametrize(
    ("columns", "reviewed", "expected"),
    [
        ({}, False, "evidence current, closing not_reached"),
        ({"evidence_due_at": MISSED}, False, "evidence overdue, closing not_reached"),
        ({"evidence_due_at": None}, False, "evidence current, closing not_reached"),
        ({"status": "warning_needs_response"}, False, "evidence current, closing not_reached"),
        ({"status": "under_review"}, True, "evidence done, closing current"),
        ({"status": "warning_under_review"}, False, "evidence done, closing current"),
        (CLOSED | {"status": "won"}, True, "evidence done, closing done"),
        (CLOSED | {"status": "lost"}, True, "evidence done, closing failed"),
        (CLOSED | {"status": "lost"}, False, "evidence skipped, closing failed"),
        (CLOSED | {"status": "warning_closed"}, False, "evidence skipped, closing done"),
    ],
)
def test_a_dispute_has_the_steps_of_its_state(
    session: Session, payment: Payment, columns: dict[str, Any], reviewed: bool, expected: str
) -> None:
    dispute = dispute_of(session, payment, **columns)
    if reviewed:
        about = {"disputeId": str(dispute.id), "newStatus": "under_review"}
        write(session, [Event("DISPUTE_UPDATED", details=about, at=NOW)])
    found = steps_of(session, TraceKind.DISPUTE, dispute)
    assert states(found) == f"dispute done, {expected}"
    assert (found["evidence"].step.at == NOW) == reviewed
    assert found["closing"].note == (dispute.status if dispute.closed_at else None)


def test_a_dispute_is_due_when_its_evidence_is(session: Session, payment: Payment) -> None:
    dispute = dispute_of(session, payment)
    about = {"disputeId": str(dispute.id), "newStatus": "needs_response"}
    write(session, [Event("DISPUTE_UPDATED", details=about)])
    shown = steps_of(session, TraceKind.DISPUTE, dispute)["evidence"]
    assert (shown.step.due, shown.log_id) == (DEADLINE, None)


def test_a_step_without_a_moment_of_its_own_has_its_rows(session: Session, payment: Payment) -> None:
    refund = give_back(session, payment, status=R.SUCCEEDED, first_sent_at=None)
    at = NOW + timedelta(minutes=7)
    write(session, [Event("REFUND_SUCCEEDED", details={"refundId": str(refund.id)}, at=at)])
    step = steps_of(session, TraceKind.REFUND, refund)["settlement"].step
    assert (step.at, step.elapsed) == (at, timedelta(minutes=7))


def test_what_was_never_stored_has_no_steps(session: Session) -> None:
    write(session, [Event(details={"bookingId": "b-1"})])
    trace = find_trace(session, TraceKind.BOOKING, "b-1", now=NOW)
    assert trace is not None
    assert trace.steps == []


def test_page_and_json_show_the_steps(
    session: Session, browser: Browser, factory: Factory, booking: Booking, payment: Payment
) -> None:
    change(session, booking, **EXPIRED)
    refund = give_back(session, payment, status=R.SUCCEEDED, settled_at=NOW)
    dispute = dispute_of(session, payment, status="lost", closed_at=NOW)
    browser.sign_in(factory.admin().email)
    expected = {
        ("booking", booking.id): (
            "Réservation expirée Échec",
            "Elle n’a pas été payée à temps.",
            "rendu au client",
        ),
        ("payment", payment.id): ("Paiement commencé Fait", "Payé Fait", "Argent rendu au client Fait"),
        ("refund", refund.id): ("Remboursement demandé Fait", "Pris en charge par Stripe Fait"),
        ("dispute", dispute.id): ("Preuves données à la banque Sauté", "Litige clos Échec", "Perdu : le client"),
    }
    for (kind, id_), words in expected.items():
        browser.get(f"/dashboard/admin/traces/{kind}/{id_}")
        assert [said for said in words if said not in browser.words] == [], kind
        answer = browser.client.get(f"/api/admin/traces/{kind}/{id_}").json
        assert answer is not None
        assert all({"type", "step", "state", "at", "due"} <= set(step) for step in answer["steps"])
    steps = browser.client.get(f"/api/admin/traces/booking/{booking.id}").json
    assert steps is not None
    assert [(step["type"], step["state"]) for step in steps["steps"]][-2:] == [
        ("BOOKING_EXPIRED", "failed"),
        ("REFUND_SUCCEEDED", "done"),
    ]
