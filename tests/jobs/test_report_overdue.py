"""Absence is told: every late step of payouts, bookings, refunds and disputes, once, as their traces show it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from portal.audit.actor import SYSTEM
from portal.models import (
    BookingStatus,
    Dispute,
    InboxState,
    Log,
    LogLevel,
    Payment,
    PaymentStatus,
    Payout,
    PayoutRoute,
    PayoutStatus,
    Refund,
    RefundStatus,
    StripeEvent,
    uuid7,
)
from portal.queries.overdue import count_overdue, overdue_steps
from portal.queries.trace import TraceKind, find_trace
from tests.browser import Browser
from tests.factories import Factory
from tests.market import booking_of, offer_of

NOW = datetime.now(UTC).replace(microsecond=0)
S, B = PayoutStatus, BookingStatus
Late = tuple[str, UUID, str]


def ago(**span: float) -> datetime:
    return datetime.now(UTC) - timedelta(**span)


class World:
    """Things late and in time; `late` is what must be told."""

    def __init__(self, factory: Factory, session: Session) -> None:
        self.factory, self.session = factory, session
        self.user, self.late = factory.user(), set[Late]()

    def save(self, row: Any) -> Any:
        self.session.add(row)
        self.session.commit()
        return row

    def payout(self, status: S, since: datetime, late: str | None, **columns: Any) -> Payout:
        payout = self.factory.payout(
            self.factory.creator(account=False), status=status, created_at=since, **columns
        )
        self.session.execute(
            text("update payout set updated_at = :at where id = :id"), {"at": since, "id": payout.id}
        )
        self.session.commit()
        self.session.refresh(payout)
        return self._noted("payout", payout, late)  # type: ignore[no-any-return]

    def heard(self, payout: Payout) -> None:
        payout.stripe_payout_id = f"po_{payout.id.hex}"
        event = StripeEvent(
            id=f"evt_{payout.id.hex}", type="payout.created", object_id=payout.stripe_payout_id, livemode=False,
            payload=b"{}", request_id=uuid7(), stripe_created_at=NOW, received_at=NOW, state=InboxState.PROCESSED,
        )  # fmt: skip
        self.save(event)

    def booking(self, late: str | None, *, starts: datetime = NOW + timedelta(days=3), **columns: Any) -> Any:
        offer = offer_of(self.factory, self.factory.creator(account=False), starts_at=starts)
        return self._noted("booking", booking_of(self.factory, offer, self.user, **columns), late)

    def payment(self, booking: Any, paid: datetime | None) -> Payment:
        given = {"amount_minor": 100, "platform_fee_minor": 15, "creator_amount_minor": 85, "currency": "EUR"}
        status = PaymentStatus.SUCCEEDED if paid else PaymentStatus.PENDING
        given |= {"stripe_payment_intent_id": f"pi_{uuid7().hex}", "status": status, "succeeded_at": paid}
        return self.save(Payment(id=uuid7(), booking_id=booking.id, **given))  # type: ignore[no-any-return]

    def refund(self, payment: Payment, made: datetime, late: str | None, **columns: Any) -> None:
        given = {"amount_minor": 100, "currency": "EUR", "reason": "Annulé", "status": RefundStatus.PENDING}
        row = Refund(id=uuid7(), payment_id=payment.id, created_at=made, **(given | columns))
        self._noted("refund", self.save(row), late)

    def dispute(self, payment: Payment, due: datetime, late: str | None, **columns: Any) -> None:
        given = {"amount_minor": 100, "currency": "EUR", "reason": "fraudulent", "status": "needs_response"}
        given |= {"stripe_dispute_id": f"du_{uuid7().hex}", "evidence_due_at": due, "created_at": ago(days=9)}
        self._noted("dispute", self.save(Dispute(id=uuid7(), payment_id=payment.id, **(given | columns))), late)

    def _noted(self, kind: str, row: Any, late: str | None) -> Any:
        if late:
            self.late.add((kind, row.id, late))
        return row


@pytest.fixture
def world(factory: Factory, session: Session) -> World:
    """Each state that waits, once in time and once late."""
    made = World(factory, session)
    ahead = {"arrival_at": NOW + timedelta(days=2)}
    made.payout(S.REQUESTED, ago(days=2), None)
    made.payout(S.REQUESTED, ago(days=3, minutes=1), "decision")
    made.payout(S.APPROVED, ago(minutes=10), None)
    made.payout(S.APPROVED, ago(minutes=16), "sending", route=PayoutRoute.AUTO)
    made.payout(S.SUBMITTING, ago(minutes=16), "acceptance")
    made.payout(S.REVIEW, ago(minutes=1), "acceptance")
    made.payout(S.PROCESSING, ago(days=2), None, **ahead)
    made.payout(S.PROCESSING, ago(days=3, minutes=1), "arrival", **ahead)  # not one webhook for three days
    made.heard(made.payout(S.PROCESSING, ago(days=4), None, **ahead))
    made.heard(made.payout(S.PROCESSING, ago(days=4), "arrival", arrival_at=ago(days=2, minutes=1)))
    for status in (S.PAID, S.FAILED, S.REJECTED):
        made.payout(status, ago(days=30), None, arrival_at=ago(days=20))
    made.booking(None, expires_at=ago(minutes=5))
    made.booking("payment", expires_at=ago(minutes=16))
    made.payment(made.booking("paid", expires_at=ago(minutes=16)), None)
    made.payment(made.booking("confirmation", expires_at=ago(minutes=16)), ago(minutes=16))
    made.payment(
        made.booking(None, starts=ago(hours=2), status=B.CONFIRMED, confirmed_at=ago(days=2)), ago(days=2)
    )
    made.payment(made.booking("completion", starts=ago(days=2), status=B.CONFIRMED), ago(days=3))
    ended = {"status": B.CANCELLED, "ended_at": ago(hours=1), "end_reason": "Cancelled"}
    made.booking(None, **ended)
    made.payment(made.booking("refund", **ended), ago(days=1))
    payment = made.payment(made.booking(None, **ended), ago(days=1))
    made.refund(payment, ago(minutes=16), "at_stripe")
    made.refund(made.payment(made.booking(None, **ended), ago(days=1)), ago(minutes=5), None)
    made.dispute(payment, ago(minutes=1), "evidence")
    made.dispute(payment, ago(minutes=1), None, status="under_review")
    made.dispute(payment, ago(minutes=1), None, status="lost", closed_at=ago(minutes=1))
    return made


@pytest.fixture
def run_job(app: Flask) -> Callable[[], None]:
    """Run the job once, by hand."""

    def run() -> None:
        with app.app_context():
            app.extensions["jobs"].run_now("report-overdue", SYSTEM, wait=True)

    return run


def told(session: Session) -> list[Log]:
    session.rollback()
    return list(session.scalars(select(Log).where(Log.type.like("%\\_STEP\\_OVERDUE")).order_by(Log.id)))


def named(row: Log) -> Late:
    kind = row.type.partition("_")[0].lower()
    return kind, UUID(row.details[f"{kind}Id"]), row.details["step"]


def test_each_late_step_is_told_once_as_its_trace_shows_it(
    world: World, session: Session, run_job: Callable[[], None]
) -> None:
    late = overdue_steps(session, now=datetime.now(UTC))
    assert {(step.kind, step.id, step.step) for step in late} == world.late
    assert [step.due for step in late] == sorted(step.due for step in late)
    counts = count_overdue(session, now=datetime.now(UTC))
    assert counts == {"payout": 6, "booking": 5, "refund": 1, "dispute": 1}
    for _ in range(3):
        run_job()
    rows = told(session)
    assert {named(row) for row in rows} == world.late
    assert len(rows) == len(world.late)
    assert len({row.request_id for row in rows}) == len(rows)
    by_step = {named(row): row for row in rows}
    for step in late:
        trace = find_trace(session, TraceKind(step.kind), str(step.id), now=datetime.now(UTC))
        assert trace is not None
        [shown] = [shown for shown in trace.steps if shown.step.key == step.step]
        assert (shown.step.state, shown.step.due, shown.type) == ("overdue", step.due, step.expected)
        row = by_step[step.kind, step.id, step.step]
        assert [item.id for item in trace.items if item.type == row.type] == [row.id]
        assert row.details["expectedEvent"] == step.expected
        assert datetime.fromisoformat(row.details["due"]) == step.due
        assert datetime.fromisoformat(row.details["since"]) == step.since
        assert row.level is (LogLevel.ERROR if step.kind in {"payout", "refund"} else LogLevel.WARNING)
        assert step.expected in row.message


def test_a_new_wait_is_told_anew_and_what_came_is_not(
    world: World, session: Session, run_job: Callable[[], None]
) -> None:
    run_job()
    before = len(told(session))
    again = next(row.details["payoutId"] for row in told(session) if row.details["step"] == "sending")
    session.execute(
        text("update payout set updated_at = :at where id = :id"), {"at": ago(minutes=30), "id": again}
    )
    session.execute(text("update payout set status = 'PAID' where status = 'REVIEW'"))
    session.commit()
    run_job()
    assert [row.details["payoutId"] for row in told(session)[before:]] == [again]
    assert count_overdue(session, now=datetime.now(UTC))["payout"] == 5


def test_the_traces_page_shows_the_event_and_the_step(
    world: World, browser: Browser, factory: Factory, run_job: Callable[[], None]
) -> None:
    run_job()
    [decision] = [id for kind, id, step in world.late if step == "decision"]
    browser.sign_in(factory.admin().email)
    browser.get(f"/dashboard/admin/traces/payout/{decision}")
    assert "Approuvé En retard" in browser.words
    assert "PAYOUT_STEP_OVERDUE" in browser.words
    assert "PAYOUT_APPROVED n'est pas venu à temps" in browser.words
