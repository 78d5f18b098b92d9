"""Every order of a payout's events, each delivered three times and processed by several workers: one end."""

from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from typing import Any

from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.models import InboxState, Log, Payout, PayoutStatus, StripeEvent, TransactionLog
from portal.stripe_sandbox.sandbox import Sandbox
from tests.domain.acts import Acts
from tests.factories import Factory
from tests.webhooks.inbox import Inbox

TYPES = ("payout.created", "payout.updated", "payout.paid", "payout.failed")
ORDERS = list(permutations(TYPES))
COPIES = 3
WORKERS = 4


def sent_payouts(acts: Acts, factory: Factory, count: int) -> list[Payout]:
    """As many payouts that Stripe has created, each of a creator of its own."""
    admin = factory.admin()
    found = []
    for _ in range(count):
        requested = acts.request(factory.creator()).payout
        acts.approve(admin, requested.id)
        found.append(acts.payout(requested.id))
    return found


def events_of(sandbox: Sandbox) -> dict[str, dict[str, str]]:
    """Ids of events by Stripe's payout and type."""
    found: dict[str, dict[str, str]] = {}
    for event in sandbox.events():
        found.setdefault(event["data"]["object"]["id"], {})[event["type"]] = event["id"]
    return found


def test_all_24_orders_of_four_events_delivered_three_times_end_alike(
    app: Flask, inbox: Inbox, factory: Factory, sandbox: Sandbox, deliver: Any, session: Session
) -> None:
    acts = Acts(app, session)
    payouts = sent_payouts(acts, factory, len(ORDERS))
    for payout in payouts:
        for outcome in ("in_transit", "paid", "failed"):
            sandbox.settle(payout.stripe_payout_id or "", outcome)
    ids = events_of(sandbox)
    wanted = [
        [ids[payout.stripe_payout_id or ""][type] for type in order for _ in range(COPIES)]
        for payout, order in zip(payouts, ORDERS, strict=True)
    ]
    with ThreadPoolExecutor(WORKERS) as pool:
        answers = list(pool.map(lambda order: deliver(events=order), wanted))
        assert {answer["status"] for told in answers for answer in told} == {200}
    while session.scalar(waiting()):
        inbox.work(workers=WORKERS)
        session.rollback()
    assert ends(session, payouts) == {(PayoutStatus.FAILED, "could_not_process")}
    of_payouts = [event_id for order in wanted for event_id in order]
    assert counted(session, "WEBHOOK_DUPLICATE") == len(of_payouts) - len(set(of_payouts))
    assert counted(session, "WEBHOOK_PROCESSING_SUCCESS") >= len(ORDERS) * len(TYPES)
    assert counted(session, "WEBHOOK_PROCESSING_FAILED") == 0
    assert counted(session, "PAYOUT_FAILED") == len(ORDERS)
    money = select(func.count()).select_from(TransactionLog).where(TransactionLog.event_type == "PAYOUT_FAILED")
    assert session.scalar(money) == len(ORDERS)


def waiting() -> Any:
    return select(StripeEvent.id).where(StripeEvent.state == InboxState.RECEIVED).limit(1)


def counted(session: Session, type: str) -> int:
    return session.scalar(select(func.count()).select_from(Log).where(Log.type == type)) or 0


def ends(session: Session, payouts: list[Payout]) -> set[tuple[PayoutStatus, str | None]]:
    session.rollback()
    query = select(Payout).where(Payout.id.in_([payout.id for payout in payouts]))
    found = session.scalars(query.execution_options(populate_existing=True))
    return {(payout.status, payout.failure_code) for payout in found}


def test_events_processed_while_the_payout_moves_on_end_as_stripe_shows(
    app: Flask, inbox: Inbox, factory: Factory, sandbox: Sandbox, deliver: Any, session: Session
) -> None:
    """Workers read at different moments of the payout's life; the older reading is never applied last."""
    acts = Acts(app, session)
    payouts = sent_payouts(acts, factory, 4)
    for outcome in ("in_transit", "paid", "failed"):
        for payout in payouts:
            sandbox.settle(payout.stripe_payout_id or "", outcome)
            deliver(copies=COPIES, order="random", seed=7)
        inbox.work(workers=WORKERS)
    while session.scalar(waiting()):
        inbox.work(workers=WORKERS)
        session.rollback()
    assert ends(session, payouts) == {(PayoutStatus.RETURNED, "could_not_process")}
    for type in ("PAYOUT_PAID", "PAYOUT_RETURNED"):
        assert counted(session, type) == len(payouts)
